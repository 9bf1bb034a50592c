"""Finds out which firewalls are in force, not only installed.

Must never: call a firewall active because its program is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pillarbox.firewall.finding import Firewall, Kind
from pillarbox.firewall.firewalld import Firewalld
from pillarbox.firewall.iptables import Iptables
from pillarbox.firewall.nftables import Nftables
from pillarbox.firewall.programs import Programs
from pillarbox.firewall.trouble import NotRoot, NotUsable, ProgramMissing
from pillarbox.firewall.ufw import Ufw

_PAIR: Final = ("iptables", "ip6tables")
_LEGACY_PAIR: Final = ("iptables-legacy", "ip6tables-legacy")
_LEGACY_TABLES: Final = (Path("/proc/net/ip_tables_names"), Path("/proc/net/ip6_tables_names"))
"""Names of the legacy tables that exist; empty until a legacy program makes one."""

_UFW_SWITCH: Final = Path("/etc/ufw/ufw.conf")

_PROGRAM: Final = {
    Kind.UFW: "ufw",
    Kind.FIREWALLD: "firewall-cmd",
    Kind.NFTABLES: "nft",
    Kind.IPTABLES: "iptables",
}


def installed(programs: Programs) -> tuple[Kind, ...]:
    """Kinds whose program is there."""
    return tuple(kind for kind, program in _PROGRAM.items() if programs.has(program))


def likely(programs: Programs) -> tuple[Kind, ...]:
    """What seems to be active, as far as one can tell without being root."""
    found = []
    if "ENABLED=yes" in programs.file_text(_UFW_SWITCH):
        found.append(Kind.UFW)
    if Kind.FIREWALLD in installed(programs) and Firewalld(programs).is_active():
        found.append(Kind.FIREWALLD)
    return tuple(found)


def active(programs: Programs) -> tuple[Firewall, ...]:
    """Everything that filters; each of them must let a connection in. Raises FirewallTrouble, NotRoot above all."""
    if not programs.is_root():
        raise NotRoot("only root can see and change the firewall; put sudo before the same command")
    there = installed(programs)
    found: list[Firewall] = []
    firewalld, ufw = Firewalld(programs), Ufw(programs)
    if Kind.FIREWALLD in there and firewalld.is_active():
        found.append(firewalld)
    ufw_is_active = Kind.UFW in there and ufw.is_active()
    if ufw_is_active:
        found.append(ufw)
    tables = Nftables(programs).tables() if Kind.NFTABLES in there else ()
    if tables:
        found.append(Nftables(programs))
    if Kind.IPTABLES in there and not ufw_is_active:
        pairs = () if any(table.looks_like_iptables for table in tables) else (_PAIR,)
        found += _iptables(programs, (*pairs, *_legacy_pair(programs)))
    return tuple(found)


def named(kind: Kind, programs: Programs) -> tuple[Firewall, ...]:
    """One kind, active or not. Raises NotRoot, ProgramMissing, and NotUsable when it is not in force."""
    if not programs.is_root():
        raise NotRoot("only root can see and change the firewall; put sudo before the same command")
    if kind not in installed(programs):
        raise ProgramMissing(f"{_PROGRAM[kind]} is not installed; on Debian: apt-get install {kind.value}")
    if kind is Kind.FIREWALLD and not Firewalld(programs).is_active():
        raise NotUsable("firewalld is not running; start it: systemctl enable --now firewalld")
    if kind is Kind.NFTABLES and not Nftables(programs).tables():
        raise NotUsable(
            "nftables has no chain that filters what comes in, so every port is let in and there is nothing to open"
        )
    if kind is Kind.IPTABLES and Kind.NFTABLES in installed(programs):
        tables = Nftables(programs).tables()
        if any(table.looks_like_iptables for table in tables):
            raise NotUsable(
                "the rules in force were written with nft, and iptables would read some of them wrongly; "
                "use --with nftables"
            )
    makers: dict[Kind, Firewall] = {
        Kind.UFW: Ufw(programs),
        Kind.FIREWALLD: Firewalld(programs),
        Kind.NFTABLES: Nftables(programs),
        Kind.IPTABLES: Iptables(programs, _PAIR),
    }
    return (makers[kind],)


def _iptables(programs: Programs, pairs: tuple[tuple[str, str], ...]) -> list[Firewall]:
    found: list[Firewall] = []
    for pair in pairs:
        firewall = Iptables(programs, pair)
        rulesets, _ = firewall.rulesets()
        is_firewalld = any("INPUT_ZONES" in ruleset.chains for ruleset in rulesets)
        if not is_firewalld and any(ruleset.filters for ruleset in rulesets):
            found.append(firewall)
    return found


def _legacy_pair(programs: Programs) -> tuple[tuple[str, str], ...]:
    """nf_tables and legacy are two firewalls at once; the plain names are one of them."""
    if not any(programs.file_text(path).strip() for path in _LEGACY_TABLES) or not programs.has(_LEGACY_PAIR[0]):
        return ()
    return () if "legacy" in programs.ask(_PAIR[0], "--version").out else (_LEGACY_PAIR,)
