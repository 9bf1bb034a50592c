"""What was found out about one firewall and one request: the common tongue of the four kinds.

Must never: hold a command that was not read out of `recipes` or the rules themselves.
"""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass
from typing import Protocol

from pillarbox.firewall.request import Network, Request
from pillarbox.firewall.rules import Decision, Rule, Verdict


class Kind(enum.Enum):
    UFW = "ufw"
    FIREWALLD = "firewalld"
    NFTABLES = "nftables"
    IPTABLES = "iptables"


class Reach(enum.Enum):
    """Who gets in, of those that are asked about."""

    OPEN = "open"
    PARTLY = "partly open"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Step:
    """Commands that belong together: each runs only when the one before succeeded."""

    commands: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """As a person types it."""
        return " && ".join(shlex.join(command) for command in self.commands)


@dataclass(frozen=True, slots=True)
class Opening:
    """A rule that lets in this port and nothing else."""

    text: str
    source: Network | None
    version: int | None
    removal: Step

    def serves(self, sources: tuple[Network, ...]) -> bool:
        """Whether it is what `open` would have written for one of these networks."""
        if self.source is None or self.source.prefixlen == 0:
            version = self.version if self.source is None else self.source.version
            return any(each.prefixlen == 0 and version in (None, each.version) for each in sources)
        return self.source in sources


@dataclass(frozen=True, slots=True)
class Finding:
    """What one firewall does with one request, and what would change that."""

    kind: Kind
    name: str
    """For a person: the kind, and the chain where there are several."""
    reach: Reach
    reasons: tuple[str, ...]
    """Which rules or policies decide, for whom where that differs."""
    wanted: tuple[Step, ...]
    """What lets in all that is asked for; empty when that is so."""
    openings: tuple[Opening, ...]
    """Rules for just this port, for any source, whoever wrote them."""
    conflict: str = ""
    """Why `wanted` would have no effect, and what to do; empty when it would."""
    remarks: tuple[str, ...] = ()
    lasting: str = ""
    """Whether a change outlives a restart, and how it is made to."""


class Firewall(Protocol):
    """One kind of firewall on this machine."""

    @property
    def kind(self) -> Kind: ...

    def inspect(self, request: Request) -> tuple[Finding, ...]:
        """Read the rules in force: one finding for each place that filters. Raises FirewallTrouble."""
        ...


def reach_of(decisions: dict[Network, Decision], openings: tuple[Opening, ...]) -> Reach:
    """Who gets in, all networks together."""
    accepted = [decision.verdict is Verdict.ACCEPT for decision in decisions.values()]
    if all(accepted):
        return Reach.OPEN
    return Reach.PARTLY if any(accepted) or openings else Reach.BLOCKED


def reasons_of(decisions: dict[Network, Decision]) -> tuple[str, ...]:
    """Which rule or policy decides; for which network, when it is not the same for all."""
    reasons = {source: _reason(decision) for source, decision in decisions.items()}
    if len(set(reasons.values())) <= 1:
        return tuple(reasons.values())[:1]
    return tuple(f"{_audience(source)}: {reason}" for source, reason in reasons.items())


def remarks_of(decisions: dict[Network, Decision]) -> tuple[str, ...]:
    """Rules before that keep some out."""
    rules = dict.fromkeys(rule.text for decision in decisions.values() for rule in decision.doubts)
    return tuple(f"an earlier rule stays in force and may keep some out: {text}" for text in rules)


def blocked(decisions: dict[Network, Decision]) -> tuple[Network, ...]:
    return tuple(source for source, decision in decisions.items() if decision.verdict is Verdict.BLOCK)


def blocking_rules(decisions: dict[Network, Decision]) -> tuple[tuple[str, Rule], ...]:
    """Chains and rules that block, each once; a policy is no rule."""
    found = {
        (decision.chain, decision.rule): None
        for decision in decisions.values()
        if decision.verdict is Verdict.BLOCK and decision.rule is not None
    }
    return tuple((chain, rule) for chain, rule in found if rule is not None)


def _audience(source: Network) -> str:
    return str(source) if source.prefixlen else f"IPv{source.version}"


def _reason(decision: Decision) -> str:
    if decision.rule is not None:
        return decision.rule.text
    return f"{decision.chain} {'accepts' if decision.verdict is Verdict.ACCEPT else 'blocks'} by default"
