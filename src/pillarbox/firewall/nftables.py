"""nftables: every base chain of the hook input that people wrote themselves.

Must never: touch a table of firewalld or of iptables, or a chain that other hooks jump to as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillarbox.firewall.finding import (
    Finding,
    Kind,
    Opening,
    Step,
    blocked,
    blocking_rules,
    reach_of,
    reasons_of,
    remarks_of,
)
from pillarbox.firewall.nft_rule import read_expressions
from pillarbox.firewall.programs import Programs, said
from pillarbox.firewall.recipes import LASTING, nft_matches
from pillarbox.firewall.request import Network, Request
from pillarbox.firewall.rules import Chain, Decision, Rule, Verdict, decide
from pillarbox.firewall.trouble import ProgramFailed

_VERSIONS: Final[dict[str, tuple[int, ...]]] = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_IPTABLES_TABLES: Final = {"filter", "mangle", "nat", "raw", "security"}
_FOREIGN_TO_IPTABLES: Final = re.compile(r'"@|\{"(?:set|vmap|map|reject)":')
_RULE_LINE: Final = re.compile(r"^\s+(?P<text>.+) # handle (?P<handle>\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Table:
    """One table and its chains; `entries` are the base chains that filter what comes in."""

    family: str
    name: str
    chains: Mapping[str, Chain]
    entries: tuple[str, ...]

    @property
    def looks_like_iptables(self) -> bool:
        """iptables names its base chains in capitals."""
        return self.family != "inet" and self.name in _IPTABLES_TABLES and "INPUT" in self.entries


class Nftables:
    """The tables that neither firewalld nor iptables made."""

    kind = Kind.NFTABLES

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def tables(self) -> tuple[Table, ...]:
        """Tables that filter what comes in. Raises FirewallTrouble."""
        try:
            listing = json.loads(said(self._programs, "nft", "-j", "list", "ruleset"))["nftables"]
        except (ValueError, KeyError, TypeError) as error:
            raise ProgramFailed("`nft -j list ruleset` printed something that is not its JSON") from error
        tables = [table for table in parse_tables(listing) if table.entries]
        if self._iptables_made(listing):
            tables = [table for table in tables if not table.looks_like_iptables]
        return tuple(tables)

    def _iptables_made(self, listing: list[dict[str, Any]]) -> bool:  # Any: nft's own JSON
        """Whether the tables with iptables' names are its own: it never writes sets, maps or nft's kind of reject.

        What it did not write it lists wrongly: a rule with a set as one without any condition.
        """
        if not self._programs.has("iptables") or "nf_tables" not in self._programs.ask("iptables", "--version").out:
            return False
        for item in listing:
            (sort, value), *_ = item.items()
            place = (value.get("family"), value.get("name" if sort == "table" else "table"))
            if place[0] not in ("ip", "ip6") or place[1] not in _IPTABLES_TABLES:
                continue
            if sort in ("set", "map") or (sort == "rule" and _FOREIGN_TO_IPTABLES.search(json.dumps(value["expr"]))):
                return False
        return True

    def inspect(self, request: Request) -> tuple[Finding, ...]:
        return tuple(self._inspect(table, entry, request) for table in self.tables() for entry in table.entries)

    def _inspect(self, table: Table, entry: str, request: Request) -> Finding:
        table = self._with_texts(table)
        decisions = {
            source: decide(table.chains, entry, request.port, source)
            for source in request.sources
            if source.version in _VERSIONS[table.family]
        }
        place = (table.family, table.name, entry)
        openings = tuple(_opening(place, rule) for rule in table.chains[entry].rules if rule.opens_only(request.port))
        return Finding(
            kind=Kind.NFTABLES,
            name=f"nftables, chain {' '.join(place)}",
            reach=reach_of(decisions, openings),
            reasons=reasons_of(decisions),
            wanted=_wanted(place, decisions, request.port),
            openings=openings,
            conflict="\n".join(_conflicts(place, decisions, request.port)),
            remarks=remarks_of(decisions),
            lasting=LASTING[Kind.NFTABLES],
        )

    def _with_texts(self, table: Table) -> Table:
        """The same with rules as people write them; handles are unique in a table."""
        listing = said(self._programs, "nft", "-s", "-a", "list", "table", table.family, table.name)
        texts = {int(match["handle"]): match["text"].strip() for match in _RULE_LINE.finditer(listing)}
        chains = {
            name: Chain(name, chain.policy, tuple(_named(rule, texts.get(rule.handle, "")) for rule in chain.rules))
            for name, chain in table.chains.items()
        }
        return Table(table.family, table.name, chains, table.entries)


def parse_tables(listing: list[dict[str, Any]]) -> tuple[Table, ...]:  # Any: nft's own JSON
    """Tables in a ruleset, firewalld's left out."""
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    chains: dict[tuple[str, str], dict[str, Verdict]] = {}
    entries: dict[tuple[str, str], list[str]] = {}
    dormant: set[tuple[str, str]] = set()
    for item in listing:
        if table := item.get("table"):
            if "dormant" in table.get("flags", ()):
                dormant.add((table["family"], table["name"]))
        elif chain := item.get("chain"):
            key = (chain["family"], chain["table"])
            has_policy = "hook" in chain
            policy = Verdict.BLOCK if chain.get("policy") == "drop" else Verdict.ACCEPT
            chains.setdefault(key, {})[chain["name"]] = policy if has_policy else Verdict.RETURN
            if chain.get("hook") == "input" and chain.get("type") == "filter":
                entries.setdefault(key, []).append(chain["name"])
        elif rule := item.get("rule"):
            place = (rule["family"], rule["table"], rule["chain"])
            rules.setdefault(place, []).append(read_expressions(rule["expr"], rule["handle"], rule["family"]))
    return tuple(
        Table(
            family,
            name,
            {chain: Chain(chain, policy, tuple(rules.get((family, name, chain), ()))) for chain, policy in own.items()},
            tuple(entries.get((family, name), ())),
        )
        for (family, name), own in chains.items()
        if family in _VERSIONS and (family, name) not in dormant and name != "firewalld"
    )


def _named(rule: Rule, text: str) -> Rule:
    return Rule(
        text or rule.text,
        rule.verdict,
        rule.ports,
        rule.source,
        rule.version,
        rule.certainty,
        rule.target,
        rule.handle,
    )


def _opening(place: tuple[str, str, str], rule: Rule) -> Opening:
    removal = Step((("nft", "delete", "rule", *place, "handle", str(rule.handle)),))
    return Opening(rule.text, rule.source, rule.version, removal)


def _wanted(place: tuple[str, str, str], decisions: dict[Network, Decision], port: int) -> tuple[Step, ...]:
    """Added at the end; before a rule that blocks everything when there is one."""
    groups: dict[int, list[Network]] = {}
    for source in blocked(decisions):
        rule = decisions[source].rule
        groups.setdefault(rule.handle if rule is not None else 0, []).append(source)
    steps = []
    for handle, sources in groups.items():
        begin = ("nft", "insert", "rule", *place, "handle", str(handle)) if handle else ("nft", "add", "rule", *place)
        steps += [Step(((*begin, *match),)) for match in nft_matches(port, tuple(sources), family=place[0])]
    return tuple(steps)


def _conflicts(place: tuple[str, str, str], decisions: dict[Network, Decision], port: int) -> list[str]:
    family, table, entry = place
    found = []
    for chain, rule in blocking_rules(decisions):
        if chain != entry:
            match = " ".join(nft_matches(port, blocked(decisions), family=family)[0])
            found.append(
                f"The chain {chain}, which {entry} jumps to, blocks it before a new rule is reached:\n"
                f"  {rule.text}\n"
                f"If {chain} is for connections to this machine only, let the port in there:\n"
                f"  nft insert rule {family} {table} {chain} handle {rule.handle} {match}"
            )
        elif rule.ports is not None or rule.source is not None:
            found.append(
                "An earlier rule blocks it, so a new one would never be reached:\n"
                f"  {rule.text}\n"
                "If that is no longer meant, remove it, then try again:\n"
                f"  nft delete rule {family} {table} {entry} handle {rule.handle}"
            )
    return found
