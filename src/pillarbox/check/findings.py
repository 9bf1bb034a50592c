"""Findings, and what they add up to: a grade for people, an exit code for monitoring.

A grade starts at A+ and is capped by findings; each cap is a finding's own, so the report can say what cost it.

Must never: judge anew what a step has judged.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


class Verdict(enum.Enum):
    """What a finding means for the person who runs the server."""

    GOOD = "ok"
    NOTE = "note"
    """Worth knowing; nothing must be done."""
    WARNING = "warn"
    """Works today; should be mended."""
    FAILURE = "FAIL"
    """Mail programs can't connect, or people are at risk."""
    UNKNOWN = "?"
    """Could not be found out."""
    SKIPPED = "-"
    """Was not asked for, or makes no sense here."""


class Section(enum.Enum):
    """Steps of a check, in order."""

    DNS = "DNS"
    REACH = "Reachable"
    TLS = "TLS"
    CERTIFICATE = "Certificate"
    SUITES = "Versions and cipher suites"
    TALK = "Conversation"
    SETUP = "Set-up of mail programs"
    TOOLS = "Other tools"


class Monitoring(enum.IntEnum):
    """How `pillarbox check` ends: the codes that Nagios, Icinga and others agree on."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


Cap = Literal["A+", "A", "B", "C", "D", "F"]
"""The best grade that a finding leaves."""
GRADES: Final[tuple[Cap, ...]] = ("A+", "A", "B", "C", "D", "F")
Fact = str | int | float | bool | list[str] | None
Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    `name` is stable and for programs, such as `certificate.expiry`; `text` and `remedy` are for people and hold
    nothing that steers a terminal.
    """

    section: Section
    name: str
    verdict: Verdict
    label: str
    text: str
    remedy: str | None = None
    cap: Cap = "A+"
    details: tuple[str, ...] = ()
    """More lines for people, such as every cipher suite."""
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step found, and how to see the same with other tools."""

    section: Section
    findings: tuple[Finding, ...]
    commands: tuple[str, ...]
    """The same by hand: lines for a shell, to copy."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """A whole check."""

    host: str
    port: int
    service: str
    title: str
    started_seconds: float
    seconds: float
    steps: tuple[Step, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all steps, in order."""
        return tuple(finding for step in self.steps for finding in step.findings)

    def fact(self, name: str, key: str) -> Fact:
        """A fact of the first finding with that name; None when there is none."""
        return next((each.facts.get(key) for each in self.findings if each.name == name), None)


def grade(findings: Iterable[Finding]) -> Cap:
    """The worst cap of all."""
    return max((finding.cap for finding in findings), key=GRADES.index, default="A+")


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


def costs(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Labels of what capped the grade where it stands."""
    found = tuple(findings)
    letter = grade(found)
    return () if letter == "A+" else tuple(each.label for each in found if each.cap == letter)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes the findings of one section; facts are for programs."""

    section: Section
    prefix: str

    def good(self, name: str, label: str, text: str, *, facts: Facts | None = None) -> Finding:
        return self._write(name, Verdict.GOOD, label, text, None, "A+", facts)

    def note(
        self, name: str, label: str, text: str, remedy: str | None = None, *, facts: Facts | None = None
    ) -> Finding:
        return self._write(name, Verdict.NOTE, label, text, remedy, "A+", facts)

    def warning(
        self, name: str, label: str, text: str, remedy: str, *, cap: Cap = "B", facts: Facts | None = None
    ) -> Finding:
        return self._write(name, Verdict.WARNING, label, text, remedy, cap, facts)

    def failure(
        self, name: str, label: str, text: str, remedy: str, *, cap: Cap = "F", facts: Facts | None = None
    ) -> Finding:
        return self._write(name, Verdict.FAILURE, label, text, remedy, cap, facts)

    def unknown(self, name: str, label: str, text: str, remedy: str | None = None) -> Finding:
        return self._write(name, Verdict.UNKNOWN, label, text, remedy, "A+", None)

    def skipped(self, name: str, label: str, text: str, *, facts: Facts | None = None) -> Finding:
        return self._write(name, Verdict.SKIPPED, label, text, None, "A+", facts)

    def _write(
        self, name: str, verdict: Verdict, label: str, text: str, remedy: str | None, cap: Cap, facts: Facts | None
    ) -> Finding:
        return Finding(self.section, f"{self.prefix}.{name}", verdict, label, text, remedy, cap, (), facts or {})
