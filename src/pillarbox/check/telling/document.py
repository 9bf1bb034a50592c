"""The report for programs.

Must never: rename a key; scripts rely on them (docs/check.md).
"""

from __future__ import annotations

import datetime

from pillarbox.check.findings import Finding, Report, Step, costs, exit_code, grade


def document(report: Report) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "host": report.host,
        "port": report.port,
        "service": report.service,
        "started": datetime.datetime.fromtimestamp(report.started_seconds, datetime.UTC).isoformat(timespec="seconds"),
        "seconds": report.seconds,
        "grade": grade(report.findings),
        "because": list(dict.fromkeys(costs(report.findings))),
        "exit_code": int(exit_code(report.findings)),
        "steps": [_step(step) for step in report.steps],
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "step": step.section.name.lower(),
        "seconds": step.seconds,
        "findings": [_finding(finding) for finding in step.findings],
        "commands": list(step.commands),
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "verdict": finding.verdict.name.lower(),
        "text": finding.text,
        "remedy": finding.remedy,
        "cap": finding.cap,
        "facts": dict(finding.facts),
    }
