"""ufw, by the rules that it keeps in /etc/ufw.

Must never: write those files; `ufw allow` and `ufw delete` do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

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
from pillarbox.firewall.iptables import read_ruleset
from pillarbox.firewall.programs import Programs, said
from pillarbox.firewall.recipes import LASTING, Change, ufw_steps
from pillarbox.firewall.request import EVERYBODY, Network, Request
from pillarbox.firewall.rules import Certainty, Chain, Decision, Rule, Verdict, decide
from pillarbox.firewall.tokens import network_or_none, port_ranges
from pillarbox.firewall.trouble import FirewallTrouble

_FILES: Final = ((4, Path("/etc/ufw/user.rules")), (6, Path("/etc/ufw/user6.rules")))
_DEFAULTS: Final = Path("/etc/default/ufw")
_VERDICTS: Final = {
    "allow": Verdict.ACCEPT,
    "limit": Verdict.ACCEPT,
    "deny": Verdict.BLOCK,
    "reject": Verdict.BLOCK,
}
_TUPLE: Final = re.compile(
    r"^### tuple ### (?P<action>[a-z]+)(?:_log(?:-all)?)? (?P<transport>\S+) (?P<port>\S+) (?P<destination>\S+) "
    r"(?P<source_port>\S+) (?P<source>\S+) (?:(?P<profile>\S+) (?P<source_profile>\S+) )?(?P<direction>in\S*)"
    r"(?: comment=\S+)?$",
    re.MULTILINE,
)
"""ufw's own record of a rule; those for what goes out or through are not of interest."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A rule with what is needed to remove it."""

    rule: Rule
    words: tuple[str, ...]
    """After `ufw` or `ufw delete`, for this family alone."""
    is_profile: bool


class Ufw:
    """The rules of ufw."""

    kind = Kind.UFW

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def is_active(self) -> bool:
        """Raises FirewallTrouble."""
        return "Status: active" in said(self._programs, "ufw", "status")

    def inspect(self, request: Request) -> tuple[Finding, ...]:
        kept = {version: _parse(self._programs.file_text(path), version) for version, path in _FILES}
        defaults = self._programs.file_text(_DEFAULTS)
        policy = Verdict.ACCEPT if 'DEFAULT_INPUT_POLICY="ACCEPT"' in defaults else Verdict.BLOCK
        has_ipv6 = not re.search(r"^IPV6=\"?no", defaults, re.MULTILINE)
        decisions = {}
        for source in request.sources:
            if source.version == 6 and not has_ipv6:
                continue
            chain = Chain("ufw", policy, tuple(each.rule for each in kept[source.version]))
            decisions[source] = decide({"ufw": chain}, "ufw", request.port, source)
        openings = _openings(kept, request.port)
        remarks = list(remarks_of(decisions))
        conflicts = [*self._earlier_blocks(request), *_conflicts(kept, decisions, request.port)]
        if not has_ipv6:
            no_ipv6 = "ufw keeps IPv6 out as a whole (IPV6=no in /etc/default/ufw)"
            (remarks if decisions else conflicts).append(no_ipv6)
        return (
            Finding(
                kind=Kind.UFW,
                name="ufw",
                reach=reach_of(decisions, openings),
                reasons=reasons_of(decisions),
                wanted=_wanted(request, decisions),
                openings=openings,
                conflict="\n".join(conflicts),
                remarks=tuple(remarks),
                lasting=LASTING[Kind.UFW],
            ),
        )

    def _earlier_blocks(self, request: Request) -> list[str]:
        """Rules that somebody put before ufw's own with iptables."""
        found = []
        for program, version in (("iptables", 4), ("ip6tables", 6)):
            try:
                ruleset = read_ruleset(self._programs, program, version)
            except FirewallTrouble:
                continue
            rules = ruleset.chains["INPUT"].rules
            first = next((index for index, rule in enumerate(rules) if rule.target.startswith("ufw-")), 0)
            ahead = Chain("INPUT", Verdict.ACCEPT, rules[:first])
            for source in request.sources:
                if source.version != version:
                    continue
                decision = decide({**ruleset.chains, "INPUT": ahead}, "INPUT", request.port, source)
                if decision.verdict is Verdict.BLOCK and decision.rule is not None:
                    found.append(
                        f"A rule of {program} blocks it before ufw is asked:\n"
                        f"  {program} {decision.rule.text}\n"
                        "If that is no longer meant, remove it, then try again:\n"
                        f"  {program} {decision.rule.text.replace('-A', '-D', 1)}"
                    )
        return list(dict.fromkeys(found))


def _parse(text: str, version: int) -> tuple[_Kept, ...]:
    return tuple(kept for match in _TUPLE.finditer(text) if (kept := _read(match, version)) is not None)


def _read(match: re.Match[str], version: int) -> _Kept | None:
    if match["action"] not in _VERDICTS:
        return None
    everybody = str(EVERYBODY[0] if version == 4 else EVERYBODY[1])
    is_sure = match["destination"] == everybody and match["source_port"] == "any" and match["direction"] == "in"
    ports = None if match["port"] == "any" else port_ranges(match["port"])
    if match["port"] != "any" and ports is None:
        is_sure = False
    certainty = Certainty.SURE if is_sure else Certainty.UNSURE
    if match["transport"] not in ("tcp", "any"):
        certainty = Certainty.NEVER
    profile = unquote(match["profile"] or "-")
    if profile != "-":
        words: tuple[str, ...] = (match["action"], profile)
    else:
        transport = () if match["transport"] == "any" else ("proto", match["transport"])
        port = () if match["port"] == "any" else ("port", match["port"])
        words = (match["action"], *transport, "from", match["source"], "to", "any", *port)
    rule = Rule(
        text=f"ufw {' '.join(words)}",
        verdict=_VERDICTS[match["action"]],
        ports=ports,
        source=None if match["source"] == everybody else network_or_none(match["source"]),
        version=version,
        certainty=certainty,
    )
    return _Kept(rule, words, profile != "-")


def _openings(kept: dict[int, tuple[_Kept, ...]], port: int) -> tuple[Opening, ...]:
    """A rule for both families, which ufw keeps as two, is one opening."""
    found = []
    own = {
        version: [each for each in rules if each.rule.opens_only(port) and not each.is_profile]
        for version, rules in kept.items()
    }
    both = {_short(each) for each in own[4]} & {_short(each) for each in own[6]}
    for short in sorted(both):
        removal = Step((("ufw", "delete", *short),))
        found.append(Opening(f"ufw {' '.join(short)}", None, None, removal))
    for version, rules in own.items():
        for each in rules:
            if _short(each) not in both:
                removal = Step((("ufw", "delete", *each.words),))
                found.append(Opening(each.rule.text, each.rule.source, version, removal))
    return tuple(found)


def _short(kept: _Kept) -> tuple[str, ...]:
    """`allow 993/tcp` for a rule without a source; anything else stays as it is."""
    if kept.rule.source is not None or kept.is_profile:
        return kept.words
    action, port = kept.words[0], kept.words[-1]
    return (action, f"{port}/{kept.words[2]}" if kept.words[1] == "proto" else port)


def _wanted(request: Request, decisions: dict[Network, Decision]) -> tuple[Step, ...]:
    sources = blocked(decisions)
    if not sources:
        return ()
    if request.is_for_everybody and set(sources) == set(decisions):
        return ufw_steps(Change.OPEN, request)
    return ufw_steps(Change.OPEN, Request(request.port, sources))


def _conflicts(kept: dict[int, tuple[_Kept, ...]], decisions: dict[Network, Decision], port: int) -> list[str]:
    found = []
    for _, rule in blocking_rules(decisions):
        for rules in kept.values():
            for each in rules:
                if each.rule == rule:
                    words = " ".join(_short(each) if rule.ports is not None else each.words)
                    found.append(
                        "An earlier rule blocks it, so a new one would never be reached:\n"
                        f"  ufw {words}\n"
                        "If that is no longer meant, remove it, then try again:\n"
                        f"  ufw delete {words}"
                    )
    return list(dict.fromkeys(found))
