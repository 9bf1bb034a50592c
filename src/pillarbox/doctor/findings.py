"""What an examination finds, in the words of `pillarbox check`: the same verdicts and exit codes.

Must never: find something to mend without saying how.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from pillarbox.check.findings import Monitoring, Verdict


class Area(enum.Enum):
    """What is examined, in order."""

    FOLDER = "Data folder"
    CONFIGURATION = "Configuration"
    CERTIFICATE = "Certificate"
    NAMES = "DNS"
    REACH = "Listening"
    MACHINE = "Machine"
    MAIL = "Mail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `name` is for programs and stays, `text` and `remedy` are for people."""

    area: Area
    name: str
    verdict: Verdict
    text: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes findings of one area."""

    area: Area

    def good(self, name: str, text: str) -> Finding:
        return self._write(name, Verdict.GOOD, text, None)

    def note(self, name: str, text: str, remedy: str | None = None) -> Finding:
        return self._write(name, Verdict.NOTE, text, remedy)

    def warning(self, name: str, text: str, remedy: str) -> Finding:
        return self._write(name, Verdict.WARNING, text, remedy)

    def failure(self, name: str, text: str, remedy: str) -> Finding:
        return self._write(name, Verdict.FAILURE, text, remedy)

    def unknown(self, name: str, text: str, remedy: str) -> Finding:
        return self._write(name, Verdict.UNKNOWN, text, remedy)

    def _write(self, name: str, verdict: Verdict, text: str, remedy: str | None) -> Finding:
        return Finding(self.area, f"{self.area.name.lower()}.{name}", verdict, text, remedy)


def exit_code(findings: Iterable[Finding]) -> Monitoring:
    """2 with a failure, else 1 with a warning, else 3 when something could not be found out, else 0."""
    verdicts = {finding.verdict for finding in findings}
    for verdict, code in (
        (Verdict.FAILURE, Monitoring.CRITICAL),
        (Verdict.WARNING, Monitoring.WARNING),
        (Verdict.UNKNOWN, Monitoring.UNKNOWN),
    ):
        if verdict in verdicts:
            return code
    return Monitoring.OK
