"""The live view: one row per answer that is timed, its last value, its course, and what is wrong now.

Must never: keep more rounds than it shows.
"""

from __future__ import annotations

import datetime
from collections import deque
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pillarbox.check.findings import Report, Verdict, exit_code, grade

_BARS: Final = "▁▂▃▄▅▆▇█"
_ROUNDS: Final = 30
_STATES: Final = ("ok", "warn", "FAIL", "?")
_STYLES: Final = ("green", "bold yellow", "bold red", "bold magenta")


class LiveView:
    """Collects rounds; `render()` is what to show."""

    def __init__(self) -> None:
        self._rounds: deque[Report] = deque(maxlen=_ROUNDS)
        self._count = 0
        self._failed = 0

    def add(self, report: Report) -> None:
        """One more round."""
        self._rounds.append(report)
        self._count += 1
        self._failed += exit_code(report.findings) == 2

    def line(self) -> str:
        """The last round on one line, for a pipe."""
        report = self._rounds[-1]
        worst = [each.name for each in report.findings if each.verdict in (Verdict.WARNING, Verdict.FAILURE)]
        state = _STATES[exit_code(report.findings)]
        times = " ".join(f"{label} {series[-1]:.1f} ms" for label, series in self._series() if series[-1] is not None)
        return f"{_moment(report)}  {state:<4} {grade(report.findings):<2}  {times}  {' '.join(worst)}".rstrip()

    def render(self) -> RenderableType:
        """The whole view."""
        if not self._rounds:
            return Text("checking ...", style="dim")
        report = self._rounds[-1]
        code = exit_code(report.findings)
        title = Text(f"{report.host}:{report.port}  ", style="bold")
        title.append(f" {_STATES[code]} ", style=f"{_STYLES[code]} reverse")
        title.append(f"  grade {grade(report.findings)}")
        said = f"{_moment(report)}   round {self._count}, {self._failed} failed   Ctrl-C ends"
        parts: list[RenderableType] = [title, Text(said, style="dim"), Text(), self._table()]
        wrong = [each for each in report.findings if each.verdict in (Verdict.WARNING, Verdict.FAILURE)]
        parts += [
            Text(
                f"{each.verdict.value:<5} {each.label}: {each.text}",
                style=_STYLES[2 - (each.verdict is Verdict.WARNING)],
            )
            for each in wrong
        ]
        return Group(*parts)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading, justify in (("", "left"), ("now", "right"), ("least", "right"), ("most", "right")):
            table.add_column(heading, justify="right" if justify == "right" else "left")
        table.add_column(f"last {len(self._rounds)} rounds")
        for label, series in self._series():
            known = [value for value in series if value is not None]
            now = "-" if series[-1] is None else f"{series[-1]:.1f} ms"
            table.add_row(label, now, f"{min(known):.1f}", f"{max(known):.1f}", _course(series))
        return table

    def _series(self) -> list[tuple[str, list[float | None]]]:
        """Each timed finding, over all kept rounds; None where a round did not get that far."""
        labels: dict[str, str] = {}
        for report in self._rounds:
            labels |= {each.name: each.label for each in report.findings if "milliseconds" in each.facts}
        return [(label, [_number(report, name) for report in self._rounds]) for name, label in labels.items()]


def _number(report: Report, name: str) -> float | None:
    value = report.fact(name, "milliseconds")
    return float(value) if isinstance(value, (int, float)) else None


def _course(series: list[float | None]) -> str:
    """Bars from nought to the most; a cross where there was no answer."""
    most = max((value for value in series if value is not None), default=0.0) or 1.0
    return "".join("x" if value is None else _BARS[round(value / most * (len(_BARS) - 1))] for value in series)


def _moment(report: Report) -> str:
    return datetime.datetime.fromtimestamp(report.started_seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
