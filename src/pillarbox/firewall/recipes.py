"""The commands that open and close a port, for each kind of firewall, as people write them by hand.

Must never: depend on the machine it runs on.
"""

from __future__ import annotations

import enum
from typing import Final

from pillarbox.firewall.finding import Kind, Step
from pillarbox.firewall.request import EVERYBODY, Network, Request


class Change(enum.Enum):
    OPEN = "open"
    CLOSE = "close"


LASTING: Final = {
    Kind.UFW: "ufw keeps its rules in /etc/ufw and brings them back.",
    Kind.FIREWALLD: "--permanent keeps the change in /etc/firewalld; --reload puts it in force now.",
    Kind.NFTABLES: """\
The kernel forgets nft rules. To keep all of them as they are now, as root:
  (echo '#!/usr/sbin/nft -f'; echo 'flush ruleset'; nft -s list ruleset) \\
      > /etc/nftables.conf && systemctl enable nftables
or write the rule into your own /etc/nftables.conf by hand.""",
    Kind.IPTABLES: """\
The kernel forgets iptables rules. To keep all as they are now, on Debian:
  apt-get install iptables-persistent
  iptables-save > /etc/iptables/rules.v4
  ip6tables-save > /etc/iptables/rules.v6""",
}
"""Kind -> whether a change outlives a restart, and how it is made to."""


def recipe(kind: Kind, change: Change, request: Request, transport: str = "tcp") -> tuple[Step, ...]:
    """Commands for a firewall of the usual shape (chain INPUT; table inet filter, chain input)."""
    makers = {
        Kind.UFW: ufw_steps,
        Kind.FIREWALLD: firewalld_steps,
        Kind.NFTABLES: _nftables_steps,
        Kind.IPTABLES: _iptables_steps,
    }
    return makers[kind](change, request, transport)


def ufw_steps(change: Change, request: Request, transport: str = "tcp") -> tuple[Step, ...]:
    begin = ("ufw",) if change is Change.OPEN else ("ufw", "delete")
    if request.is_for_everybody:
        return (Step(((*begin, "allow", f"{request.port}/{transport}"),)),)
    return tuple(
        Step(((*begin, "allow", "proto", transport, "from", str(source), "to", "any", "port", str(request.port)),))
        for source in request.sources
    )


def firewalld_steps(change: Change, request: Request, transport: str = "tcp") -> tuple[Step, ...]:
    """One step: the reload comes once, after the last change."""
    verb = "add" if change is Change.OPEN else "remove"
    if request.is_for_everybody:
        options = [f"--{verb}-port={request.port}/{transport}"]
    else:
        options = [f"--{verb}-rich-rule={rich_rule(request.port, source, transport)}" for source in request.sources]
    return (firewalld_step(options),)


def firewalld_step(options: list[str]) -> Step:
    """Changes that are kept, then put in force."""
    changes = tuple(("firewall-cmd", "--permanent", option) for option in options)
    return Step((*changes, ("firewall-cmd", "--reload")))


def rich_rule(port: int, source: Network, transport: str = "tcp") -> str:
    return (
        f'rule family="ipv{source.version}" source address="{source}" port port="{port}" protocol="{transport}" accept'
    )


def iptables_match(port: int, source: Network, transport: str = "tcp") -> tuple[str, ...]:
    """What comes after the name of the chain."""
    limit = ("-s", str(source)) if source.prefixlen else ()
    return ("-p", transport, *limit, "--dport", str(port), "-j", "ACCEPT")


def nft_matches(
    port: int, sources: tuple[Network, ...], transport: str = "tcp", family: str = "inet"
) -> tuple[tuple[str, ...], ...]:
    """What comes after the name of the chain, one for each rule; `family` is the table's."""
    end = (transport, "dport", str(port), "accept")
    if all(whole in sources for whole in EVERYBODY):
        return (end, *(_nft_match(source, family, end) for source in sources if source not in EVERYBODY))
    return tuple(_nft_match(source, family, end) for source in sources)


def _nft_match(source: Network, family: str, end: tuple[str, ...]) -> tuple[str, ...]:
    if source.prefixlen:
        return ("ip" if source.version == 4 else "ip6", "saddr", str(source), *end)
    return ("meta", "nfproto", f"ipv{source.version}", *end) if family == "inet" else end


def _iptables_steps(change: Change, request: Request, transport: str) -> tuple[Step, ...]:
    verb = "-A" if change is Change.OPEN else "-D"
    return tuple(
        Step(
            (
                (
                    "iptables" if source.version == 4 else "ip6tables",
                    verb,
                    "INPUT",
                    *iptables_match(request.port, source, transport),
                ),
            )
        )
        for source in request.sources
    )


def _nftables_steps(change: Change, request: Request, transport: str) -> tuple[Step, ...]:
    if change is Change.CLOSE:
        # A rule is deleted by its handle, which only a look at the rules tells.
        return (
            Step((("nft", "-a", "list", "chain", "inet", "filter", "input"),)),
            Step((("nft", "delete", "rule", "inet", "filter", "input", "handle", "NUMBER"),)),
        )
    return tuple(
        Step((("nft", "add", "rule", "inet", "filter", "input", *match),))
        for match in nft_matches(request.port, request.sources, transport)
    )
