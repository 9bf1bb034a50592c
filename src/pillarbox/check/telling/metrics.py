"""The report as Prometheus text, for node_exporter's textfile collector or a cron job.

Must never: put text that changes from run to run into a label.

Format: Prometheus exposition format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from pillarbox.check.findings import GRADES, Report, Verdict, exit_code, grade

_Sample = tuple[dict[str, str], float]


def metrics(report: Report) -> str:
    """What `--prometheus` prints."""
    target = {"target": f"{report.host}:{report.port}", "service": report.service}
    lines: list[str] = []
    for name, description, samples in _families(report):
        if samples:
            lines += [f"# HELP {name} {description}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(target | labels)} {value:.15g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(report: Report) -> Iterator[tuple[str, str, list[_Sample]]]:
    findings = report.findings
    yield "pillarbox_check_up", "1 when nothing failed.", [({}, float(exit_code(findings) != 2))]
    yield "pillarbox_check_exit_code", "0 ok, 1 warning, 2 critical, 3 unknown.", [({}, float(exit_code(findings)))]
    yield "pillarbox_check_grade", "0 is A+, 5 is F.", [({}, float(GRADES.index(grade(findings))))]
    yield "pillarbox_check_duration_seconds", "The whole check.", [({}, report.seconds)]
    yield "pillarbox_check_time_seconds", "When it began.", [({}, report.started_seconds)]
    yield (
        "pillarbox_check_findings",
        "How many findings have this verdict.",
        [
            ({"verdict": verdict.name.lower()}, float(sum(1 for each in findings if each.verdict is verdict)))
            for verdict in Verdict
        ],
    )
    yield (
        "pillarbox_check_finding",
        "Findings that are not good.",
        [
            ({"finding": each.name, "verdict": each.verdict.name.lower()}, 1.0)
            for each in findings
            if each.verdict in (Verdict.WARNING, Verdict.FAILURE, Verdict.UNKNOWN)
        ],
    )
    yield from _measured(report)


def _measured(report: Report) -> Iterator[tuple[str, str, list[_Sample]]]:
    findings = report.findings
    yield (
        "pillarbox_check_step_seconds",
        "How long each step took.",
        [({"step": step.section.name.lower()}, step.seconds) for step in report.steps],
    )
    yield (
        "pillarbox_check_answer_seconds",
        "Connecting, the handshake, the greeting, the login, IDLE.",
        [
            ({"finding": each.name}, spent / 1000)
            for each in findings
            if isinstance(spent := each.facts.get("milliseconds"), float)
        ],
    )
    ends = report.fact("certificate.expiry", "not_after_seconds")
    yield (
        "pillarbox_check_certificate_not_after_seconds",
        "When the first certificate of the chain ends.",
        [({}, ends)] if isinstance(ends, float) else [],
    )
    yield (
        "pillarbox_check_version_accepted",
        "Whether this version of TLS is accepted.",
        [
            ({"version": each.label}, float(bool(each.facts["accepted"])))
            for each in findings
            if each.name.startswith("suites.") and "accepted" in each.facts
        ],
    )


def _labels(labels: dict[str, str]) -> str:
    def quoted(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"
