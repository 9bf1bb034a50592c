"""iptables and ip6tables, in both of their kinds (nf_tables and legacy).

Must never: touch a chain other than INPUT of the table filter; look at legacy tables that are not in use (a look
makes them).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

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
from pillarbox.firewall.programs import Programs, said
from pillarbox.firewall.recipes import LASTING, iptables_match
from pillarbox.firewall.request import Network, Request
from pillarbox.firewall.rules import Certainty, Chain, Decision, Rule, Verdict, decide
from pillarbox.firewall.tokens import network_or_none, port_ranges
from pillarbox.firewall.trouble import ProgramFailed, ProgramMissing

_VERDICTS: Final = {
    "ACCEPT": Verdict.ACCEPT,
    "DROP": Verdict.BLOCK,
    "REJECT": Verdict.BLOCK,
    "RETURN": Verdict.RETURN,
}
_EXTENSIONS: Final = {"LOG", "NFLOG", "ULOG", "AUDIT", "MARK", "CONNMARK", "TCPMSS", "TRACE", "SET", "CT", "NOTRACK"}
"""Targets after which the next rule follows."""
_HARMLESS: Final = {"tcp", "comment", "multiport", "conntrack", "state"}
"""Matches whose options are read here."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The chains of the table filter, as one program lists them."""

    program: str
    version: int
    chains: Mapping[str, Chain]

    @property
    def filters(self) -> bool:
        """Whether INPUT does anything at all."""
        entry = self.chains.get("INPUT")
        return entry is not None and (entry.policy is not Verdict.ACCEPT or bool(entry.rules))


class Iptables:
    """The rules of one pair of programs."""

    kind = Kind.IPTABLES

    def __init__(self, programs: Programs, pair: tuple[str, str]) -> None:
        self._programs = programs
        self._pair = pair

    def rulesets(self) -> tuple[tuple[Ruleset, ...], tuple[str, ...]]:
        """Those that can be read, and remarks on those that can't. Raises FirewallTrouble when none can."""
        found, remarks = [], []
        for program, version in zip(self._pair, (4, 6), strict=True):
            try:
                found.append(read_ruleset(self._programs, program, version))
            except (ProgramFailed, ProgramMissing) as error:
                if version == 4:
                    raise
                remarks.append(f"the rules for IPv6 can't be read: {error}")
        return tuple(found), tuple(remarks)

    def inspect(self, request: Request) -> tuple[Finding, ...]:
        rulesets, remarks = self.rulesets()
        openings: list[Opening] = []
        decisions: dict[Network, Decision] = {}
        wanted: list[Step] = []
        conflicts: list[str] = []
        for ruleset in rulesets:
            entry = ruleset.chains["INPUT"]
            own = {
                source: decide(ruleset.chains, "INPUT", request.port, source)
                for source in request.sources
                if source.version == ruleset.version
            }
            decisions |= own
            openings += [_opening(ruleset, rule) for rule in entry.rules if rule.opens_only(request.port)]
            conflicts += _conflicts(ruleset, own, request)
            wanted += [_step(ruleset, own[source], request.port, source) for source in blocked(own)]
        if not decisions:
            conflicts += remarks  # asked about IPv6 alone, whose rules nobody can read
        return (
            Finding(
                kind=Kind.IPTABLES,
                name="iptables (legacy)" if "legacy" in self._pair[0] else "iptables",
                reach=reach_of(decisions, tuple(openings)),
                reasons=reasons_of(decisions),
                wanted=tuple(wanted),
                openings=tuple(openings),
                conflict="\n".join(conflicts),
                remarks=(*remarks, *remarks_of(decisions)),
                lasting=LASTING[Kind.IPTABLES],
            ),
        )


def read_ruleset(programs: Programs, program: str, version: int) -> Ruleset:
    """What `iptables -S` lists. Raises FirewallTrouble."""
    try:
        chains = parse_chains(said(programs, program, "-S"), version)
    except (ValueError, IndexError) as error:
        raise ProgramFailed(f"`{program} -S` printed something that is not a list of rules") from error
    if "INPUT" not in chains:
        raise ProgramFailed(f"`{program} -S` lists no chain INPUT")
    return Ruleset(program, version, chains)


def parse_chains(listing: str, version: int) -> dict[str, Chain]:
    """Chains of a listing by `-S`: `-P` names a base chain and its policy, `-N` another chain, `-A` a rule."""
    policies: dict[str, Verdict] = {}
    rules: dict[str, list[Rule]] = {}
    for line in listing.splitlines():
        words = shlex.split(line)
        if len(words) < 2:
            continue
        rules.setdefault(words[1], [])
        if words[0] == "-P":
            policies[words[1]] = _VERDICTS.get(words[2], Verdict.BLOCK)
        elif words[0] == "-A":
            rules[words[1]].append(_parse_rule(line, words[2:], version, len(rules[words[1]]) + 1))
    return {name: Chain(name, policies.get(name, Verdict.RETURN), tuple(found)) for name, found in rules.items()}


def _parse_rule(line: str, words: list[str], version: int, number: int) -> Rule:
    reader = _RuleReader(words)
    reader.read()
    return Rule(
        text=line,
        verdict=reader.verdict,
        ports=reader.ports,
        source=reader.source,
        version=version,
        certainty=reader.certainty,
        target=reader.target,
        handle=number,
    )


class _RuleReader:
    """Reads one rule's options; one that is not known makes the rule unsure."""

    def __init__(self, words: list[str]) -> None:
        self._words = iter(words)
        self.verdict = Verdict.NOTHING
        self.target = ""
        self.ports: tuple[tuple[int, int], ...] | None = None
        self.source: Network | None = None
        self.certainty = Certainty.SURE
        self._options: dict[str, Callable[[str], None]] = {
            "-j": self._jump,
            "-g": self._goto,
            "-p": self._protocol,
            "-s": self._source,
            "--dport": self._ports,
            "--dports": self._ports,
            "--ctstate": self._states,
            "--state": self._states,
            "-m": self._match,
            "--comment": lambda _: None,
            "--reject-with": lambda _: None,
        }

    def read(self) -> None:
        for word in self._words:
            option = self._options.get(word)
            if option is None:
                self._doubt()
                continue
            option(next(self._words, ""))

    def _doubt(self) -> None:
        if self.certainty is Certainty.SURE:
            self.certainty = Certainty.UNSURE

    def _jump(self, name: str) -> None:
        if name in _VERDICTS:
            self.verdict = _VERDICTS[name]
        elif name in _EXTENSIONS:
            self.verdict = Verdict.NOTHING
        else:
            self.verdict, self.target = Verdict.JUMP, name

    def _goto(self, name: str) -> None:
        self.verdict, self.target = Verdict.GOTO, name

    def _protocol(self, name: str) -> None:
        if name not in ("tcp", "6", "all"):
            self.certainty = Certainty.NEVER

    def _source(self, text: str) -> None:
        self.source = network_or_none(text)
        if self.source is None:
            self._doubt()

    def _ports(self, text: str) -> None:
        self.ports = port_ranges(text)
        if self.ports is None:
            self._doubt()

    def _states(self, text: str) -> None:
        if "NEW" not in text.split(","):
            self.certainty = Certainty.NEVER

    def _match(self, name: str) -> None:
        if name not in _HARMLESS:
            self._doubt()


def _opening(ruleset: Ruleset, rule: Rule) -> Opening:
    words = shlex.split(rule.text)
    removal = Step(((ruleset.program, "-D", *words[1:]),))
    return Opening(f"{ruleset.program} {rule.text}", rule.source, ruleset.version, removal)


def _step(ruleset: Ruleset, decision: Decision, port: int, source: Network) -> Step:
    """Added at the end; before a rule that blocks everything when there is one."""
    match = iptables_match(port, source)
    if decision.rule is not None and decision.chain == "INPUT":
        return Step(((ruleset.program, "-I", "INPUT", str(decision.rule.handle), *match),))
    return Step(((ruleset.program, "-A", "INPUT", *match),))


def _conflicts(ruleset: Ruleset, decisions: dict[Network, Decision], request: Request) -> list[str]:
    found = []
    for chain, rule in blocking_rules(decisions):
        words = shlex.split(rule.text)
        if chain != "INPUT":
            found.append(
                f"The chain {chain}, which INPUT jumps to, blocks it before a new rule is reached:\n"
                f"  {ruleset.program} {rule.text}\n"
                f"If {chain} is for connections to this machine only, let the port in there:\n"
                f"  {ruleset.program} -I {chain} {rule.handle} "
                + " ".join(iptables_match(request.port, blocked(decisions)[0]))
            )
        elif rule.ports is not None or rule.source is not None:
            found.append(
                "An earlier rule blocks it, so a new one would never be reached:\n"
                f"  {ruleset.program} {rule.text}\n"
                "If that is no longer meant, remove it, then try again:\n"
                f"  {Step(((ruleset.program, '-D', *words[1:]),)).text}"
            )
    return found
