"""firewalld, by what firewall-cmd tells of the default zone.

Must never: touch another zone, or trust the running rules alone: a reload forgets what was not made permanent.
"""

from __future__ import annotations

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
from pillarbox.firewall.firewalld_zone import Ports, Zone, parse_zone, tcp_ports
from pillarbox.firewall.programs import Programs, said
from pillarbox.firewall.recipes import LASTING, Change, firewalld_step, firewalld_steps
from pillarbox.firewall.request import Network, Request
from pillarbox.firewall.rules import Decision, decide


class Firewalld:
    """The default zone of firewalld."""

    kind = Kind.FIREWALLD

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def is_active(self) -> bool:
        return self._programs.ask("firewall-cmd", "--state").code == 0

    def inspect(self, request: Request) -> tuple[Finding, ...]:
        name = said(self._programs, "firewall-cmd", "--get-default-zone").strip()
        running, kept = self._zones(name)
        now = _decisions(running, request)
        later = _decisions(kept, request)
        missing = tuple(dict.fromkeys((*blocked(now), *blocked(later))))
        openings = _openings((running, kept), request.port)
        conflicts = _conflicts((running, kept), now, later)
        if self._programs.ask("firewall-cmd", "--query-panic").code == 0:
            conflicts.append("firewalld is in panic mode and blocks everything; end it: firewall-cmd --panic-off")
        remarks = [*remarks_of(now), *self._other_zones(name)]
        if running.lines != kept.lines:
            remarks.append("some rules in force are not permanent; `firewall-cmd --reload` makes firewalld forget them")
        return (
            Finding(
                kind=Kind.FIREWALLD,
                name=f"firewalld, zone {name}",
                reach=reach_of(now, openings),
                reasons=reasons_of(now),
                wanted=_wanted(request, missing),
                openings=openings,
                conflict="\n".join(conflicts),
                remarks=tuple(remarks),
                lasting=LASTING[Kind.FIREWALLD],
            ),
        )

    def _zones(self, name: str) -> tuple[Zone, Zone]:
        """As it runs, and as it is kept."""
        known: dict[str, Ports] = {}

        def service_ports(service: str) -> Ports:
            if service not in known:
                answer = self._programs.ask("firewall-cmd", "--permanent", f"--service={service}", "--get-ports")
                known[service] = tcp_ports(answer.out) if answer.code == 0 else ()
            return known[service]

        running = said(self._programs, "firewall-cmd", "--list-all")
        kept = said(self._programs, "firewall-cmd", "--permanent", "--list-all")
        return parse_zone(name, running, service_ports), parse_zone(name, kept, service_ports)

    def _other_zones(self, name: str) -> list[str]:
        """Zones that have interfaces or networks of their own and so are not touched."""
        listing = said(self._programs, "firewall-cmd", "--get-active-zones")
        zones = [line.split()[0] for line in listing.splitlines() if line and not line[0].isspace()]
        return [
            f"the zone {zone} is active too and is left as it is; for it, add --zone={zone} to each command"
            for zone in zones
            if zone != name
        ]


def _decisions(zone: Zone, request: Request) -> dict[Network, Decision]:
    chain = zone.chain
    return {source: decide({chain.name: chain}, chain.name, request.port, source) for source in request.sources}


def _openings(zones: tuple[Zone, Zone], port: int) -> tuple[Opening, ...]:
    found = {
        entry.rule.text: Opening(
            entry.rule.text, entry.rule.source, entry.rule.version, firewalld_step([entry.removal])
        )
        for zone in zones
        for entry in zone.entries
        if entry.rule.opens_only(port)
    }
    return tuple(found.values())


def _wanted(request: Request, missing: tuple[Network, ...]) -> tuple[Step, ...]:
    if not missing:
        return ()
    everything = set(missing) == set(request.sources)
    return firewalld_steps(Change.OPEN, request if everything else Request(request.port, missing))


def _conflicts(zones: tuple[Zone, Zone], now: dict[Network, Decision], later: dict[Network, Decision]) -> list[str]:
    blocking = {rule for decisions in (now, later) for _, rule in blocking_rules(decisions)}
    removals = {
        entry.rule.text: firewalld_step([entry.removal]).text
        for zone in zones
        for entry in zone.entries
        if entry.rule in blocking
    }
    return [
        f"firewalld asks blocking rules first, and this one blocks it:\n  {text}\n"
        f"If that is no longer meant, remove it, then try again:\n  {removal}"
        for text, removal in removals.items()
    ]
