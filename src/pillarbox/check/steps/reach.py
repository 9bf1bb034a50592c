"""TCP: is the port open, closed or filtered, over IPv4 and IPv6, and how far away is it?

Must never: call a port closed that merely does not answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from pillarbox.check.findings import Fact, Finding, Scribe, Section
from pillarbox.check.names import is_address
from pillarbox.check.probe import Probe
from pillarbox.check.trouble import Refused, TimedOut, Trouble
from pillarbox.check.wire import Address, connected

_REACH: Final = Scribe(Section.REACH, "reach")


@dataclass(frozen=True, slots=True)
class _Attempt:
    address: Address
    milliseconds: float
    trouble: Trouble | None


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Every address at once. One that answers is enough to go on; one that doesn't is a warning beside it."""
    attempts = await asyncio.gather(*(_attempt(probe, address) for address in probe.seen.addresses))
    opened = [attempt for attempt in attempts if attempt.trouble is None]
    probe.seen.open_address = opened[0].address if opened else None
    found = [_finding(attempt, others_are_open=bool(opened)) for attempt in attempts]
    if is_address(probe.settings.host):
        return tuple(found)
    families = {attempt.address.family_name for attempt in attempts}
    if families == {"IPv4"}:
        found.append(_REACH.note("ipv6", "IPv6", "the name has no IPv6 address"))
    elif families == {"IPv6"}:
        found.append(_REACH.note("ipv4", "IPv4", "the name has no IPv4 address"))
    return tuple(found)


async def _attempt(probe: Probe, address: Address) -> _Attempt:
    start = probe.clock.monotonic_seconds()
    trouble: Trouble | None = None
    try:
        async with connected(address, probe.settings.limits):
            pass
    except Trouble as caught:
        trouble = caught
    return _Attempt(address, probe.milliseconds_since(start), trouble)


def _finding(attempt: _Attempt, *, others_are_open: bool) -> Finding:
    address, trouble = attempt.address, attempt.trouble
    name, label = address.family_name.lower(), address.family_name
    facts: dict[str, Fact] = {
        "address": address.text,
        "port": address.port,
        "state": _state(trouble),
        "milliseconds": attempt.milliseconds,
    }
    if trouble is None:
        return _REACH.good(
            name, label, f"{address.text} port {address.port} is open ({attempt.milliseconds} ms)", facts=facts
        )
    said = f"{address.text} port {address.port}: {trouble}"
    if _state(trouble) == "no route":
        return _REACH.note(name, label, said, f"This machine has no {label}: check from one that has.", facts=facts)
    remedy = _remedy(trouble, address)
    if others_are_open:
        return _REACH.warning(name, label, said, remedy, facts=facts)
    return _REACH.failure(name, label, said, remedy, facts=facts)


def _state(trouble: Trouble | None) -> str:
    if trouble is None:
        return "open"
    return "closed" if isinstance(trouble, Refused) else "filtered" if isinstance(trouble, TimedOut) else "no route"


def _remedy(trouble: Trouble, address: Address) -> str:
    if isinstance(trouble, Refused):
        return f"Start the server, and see that it listens on this address: ss -ltn 'sport = :{address.port}'"
    return f"Open the port in every firewall on the way: pillarbox firewall open --port {address.port}"
