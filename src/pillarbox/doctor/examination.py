"""The whole examination: every look in order, each told as soon as it is done.

Must never: end early because one look went wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pillarbox.doctor import certificate, configuration, folder, machine, mail, naming, reach
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient

_LOOKS: Final[tuple[tuple[Area, Callable[[Patient], Awaitable[list[Finding]]]], ...]] = (
    (Area.FOLDER, folder.look),
    (Area.CONFIGURATION, configuration.look),
    (Area.CERTIFICATE, certificate.look),
    (Area.NAMES, naming.look),
    (Area.REACH, reach.look),
    (Area.MACHINE, machine.look),
    (Area.MAIL, mail.look),
)


async def examine(patient: Patient, tell: Callable[[Area, Sequence[Finding]], None]) -> list[Finding]:
    """Everything; `tell` hears of each area as it is done."""
    every: list[Finding] = []
    for area, look in _LOOKS:
        try:
            found = await look(patient)
        except OSError as error:
            said = f"{error.filename or 'something'} can't be read: {error.strerror}"
            found = [Scribe(area).unknown("read", said, "Run this as the user that the server runs as.")]
        if found:
            tell(area, found)
        every += found
    return every
