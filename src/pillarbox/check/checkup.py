"""The whole check: the steps in order, each within what is left of the time.

Must never: lose what was found when the time runs out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pillarbox.check.by_hand import commands
from pillarbox.check.findings import Finding, Report, Scribe, Section, Step
from pillarbox.check.names import Names
from pillarbox.check.probe import Probe
from pillarbox.check.settings import CheckSettings, Depth
from pillarbox.check.steps import certificate, conversation, handshake, naming, reach, setup, suites, tools
from pillarbox.clock import Clock

_Look = Callable[[Probe], Awaitable[tuple[Finding, ...]]]

_STEPS: Final[tuple[tuple[Section, _Look], ...]] = (
    (Section.DNS, naming.look),
    (Section.REACH, reach.look),
    (Section.TLS, handshake.look),
    (Section.CERTIFICATE, certificate.look),
    (Section.SUITES, suites.look),
    (Section.TALK, conversation.look),
    (Section.SETUP, setup.look),
    (Section.TOOLS, tools.look),
)
_NEEDS_OPEN_PORT: Final = (Section.TLS, Section.CERTIFICATE, Section.SUITES, Section.TALK)


async def check(settings: CheckSettings, clock: Clock, tell: Callable[[Step], None]) -> Report:
    """Run every step; `tell` hears of each as it ends. Never raises because of what the host does."""
    probe = Probe(settings, clock, Names(settings))
    started, start = clock.now_seconds(), clock.monotonic_seconds()
    steps = []
    for section, look in _STEPS:
        if section is Section.SUITES and settings.depth is Depth.QUICK:
            continue
        if section in _NEEDS_OPEN_PORT and probe.seen.open_address is None:
            continue
        left = settings.limits.total_seconds - (clock.monotonic_seconds() - start)
        step = await _step(probe, section, look, left)
        if step.findings:
            steps.append(step)
            tell(step)
    return Report(
        host=settings.host,
        port=settings.port,
        service=settings.service.name,
        title=settings.service.title,
        started_seconds=started,
        seconds=round(clock.monotonic_seconds() - start, 3),
        steps=tuple(steps),
    )


async def _step(probe: Probe, section: Section, look: _Look, left_seconds: float) -> Step:
    start = probe.clock.monotonic_seconds()
    try:
        async with asyncio.timeout(left_seconds):
            findings = await look(probe)
    except TimeoutError:
        said = f"not finished: the {probe.settings.limits.total_seconds:g} s for the whole check are over"
        scribe = Scribe(section, section.name.lower())
        findings = (scribe.unknown("time", "Time", said, "Give it more time: --total-seconds."),)
    seconds = round(probe.clock.monotonic_seconds() - start, 3)
    return Step(section, findings, commands(probe.settings, section), seconds)
