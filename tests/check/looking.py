"""Runs a check in the test's own loop, and finds what it found."""

from __future__ import annotations

from pathlib import Path

from pillarbox.check.checkup import check
from pillarbox.check.findings import Finding, Report, Verdict
from pillarbox.check.services import SERVICES, service_named
from pillarbox.check.settings import CheckSettings, Depth, Limits, Login
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret

SHORT = Limits(step_seconds=0.5, listen_seconds=0.05, total_seconds=10.0)


def settings(
    port: int,
    *,
    host: str = "127.0.0.1",
    service: str = "imaps",
    ca_file: Path | None = None,
    password: str | None = None,
    depth: Depth = Depth.QUICK,
    limits: Limits = SHORT,
) -> CheckSettings:
    found = service_named(service)
    assert found in SERVICES
    assert found is not None
    login = None if password is None else Login("alice", Secret(password))
    return CheckSettings(host, port, found, login=login, ca_file=ca_file, depth=depth, limits=limits)


async def look(given: CheckSettings) -> Report:
    return await check(given, SystemClock(), lambda step: None)


def finding(report: Report, name: str) -> Finding:
    """The only one with that name."""
    (found,) = (each for each in report.findings if each.name == name)
    return found


def verdicts(report: Report) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in report.findings}
