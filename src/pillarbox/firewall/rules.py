"""A firewall's rules as all four kinds of firewall can be read, and what they do with a new TCP connection.

What a rule says that can't be judged here (an interface, a set, the time of day) makes it UNSURE: such a rule decides
nothing, and a blocking one is named to the person.

Must never: call a port open because of a rule that was not understood.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pillarbox.firewall.request import Network

_MAX_DEPTH: Final = 16
"""Of jumps; the kernel allows 16."""


class Verdict(enum.Enum):
    ACCEPT = "accept"
    BLOCK = "block"
    JUMP = "jump"
    GOTO = "goto"
    """As a jump, but what follows in this chain is not come back to."""
    RETURN = "return"
    NOTHING = "nothing"
    """Counts or logs, and the next rule follows."""


class Certainty(enum.Enum):
    SURE = "sure"
    """Ports and source tell all of what it matches."""
    UNSURE = "unsure"
    """It has a condition that is not judged here."""
    NEVER = "never"
    """It can't match a new TCP connection."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `ports` are inclusive ranges, None is every port; `source` None is everybody of `version`."""

    text: str
    verdict: Verdict
    ports: tuple[tuple[int, int], ...] | None = None
    source: Network | None = None
    version: int | None = None
    """4 or 6; None is both."""
    certainty: Certainty = Certainty.SURE
    target: str = ""
    """The chain to jump to."""
    handle: int = 0
    """What the firewall's program calls it: its number in the chain, or its handle."""

    def opens_only(self, port: int) -> bool:
        """Whether this is a rule as `open` writes it: for this one port, with no more than a source."""
        return self.verdict is Verdict.ACCEPT and self.certainty is Certainty.SURE and self.ports == ((port, port),)

    def covers_port(self, port: int) -> bool:
        return self.ports is None or any(first <= port <= last for first, last in self.ports)

    def covers_source(self, source: Network) -> bool:
        """Whether it matches all of a network."""
        if self.version not in (None, source.version):
            return False
        return self.source is None or _is_within(source, self.source)

    def touches_source(self, source: Network) -> bool:
        """Whether it matches a part of a network."""
        if self.version not in (None, source.version):
            return False
        return self.source is None or (self.source.version == source.version and self.source.overlaps(source))


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in their order, and what happens after the last (RETURN for a chain that is jumped to)."""

    name: str
    policy: Verdict
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of new connections to a port from one network."""

    verdict: Verdict
    """ACCEPT or BLOCK."""
    chain: str
    rule: Rule | None
    """None: the chain's policy decided."""
    doubts: tuple[Rule, ...] = field(default=())
    """Blocking rules before it that keep out a part of the network, or may."""


def decide(chains: Mapping[str, Chain], base: str, port: int, source: Network) -> Decision:
    """Walk a base chain as the kernel does."""
    doubts: list[Rule] = []
    chain = chains[base]
    decided = _walk(chains, chain, port, source, doubts, 0)
    if decided is None:
        return Decision(chain.policy, chain.name, None, tuple(doubts))
    verdict, name, rule = decided
    return Decision(verdict, name, rule, tuple(doubts))


def _walk(
    chains: Mapping[str, Chain], chain: Chain, port: int, source: Network, doubts: list[Rule], depth: int
) -> tuple[Verdict, str, Rule] | None:
    for rule in chain.rules:
        if rule.certainty is Certainty.NEVER or rule.verdict is Verdict.NOTHING or not rule.covers_port(port):
            continue
        if rule.certainty is Certainty.UNSURE or not rule.covers_source(source):
            if rule.verdict is Verdict.BLOCK and rule.touches_source(source):
                doubts.append(rule)
            continue
        if rule.verdict is Verdict.RETURN:
            return None
        if rule.verdict not in (Verdict.JUMP, Verdict.GOTO):
            return rule.verdict, chain.name, rule
        if rule.target in chains and depth < _MAX_DEPTH:
            decided = _walk(chains, chains[rule.target], port, source, doubts, depth + 1)
            if decided is not None or rule.verdict is Verdict.GOTO:
                return decided
    return None


def _is_within(inner: Network, outer: Network) -> bool:
    if inner.version == 4 and outer.version == 4:
        return inner.subnet_of(outer)
    if inner.version == 6 and outer.version == 6:
        return inner.subnet_of(outer)
    return False
