"""The report for people: one line per finding, what to do below it, the same by hand at the end of each section.

Readable at 80 columns and without colour: the verdict is a word, colour only repeats it. Commands are broken with a
backslash, so that they stay whole when copied.

Must never: print a character that is not printable.
"""

from __future__ import annotations

import datetime
import enum
import textwrap
from collections.abc import Iterator
from typing import Final

from rich.text import Text

from pillarbox.check.findings import Finding, Report, Step, Verdict, costs, exit_code, grade

_STYLES: Final = {
    Verdict.GOOD: "green",
    Verdict.NOTE: "cyan",
    Verdict.WARNING: "bold yellow",
    Verdict.FAILURE: "bold red",
    Verdict.UNKNOWN: "bold magenta",
    Verdict.SKIPPED: "dim",
}
_GRADE_STYLES: Final = {"A+": "bold green", "A": "bold green", "B": "bold yellow", "C": "bold yellow"}
_VERDICT_WIDTH: Final = 6
_LABEL_WIDTH: Final = 17
_INDENT: Final = _VERDICT_WIDTH + _LABEL_WIDTH + 2
_WIDEST: Final = 100
_MEANINGS: Final = (
    "A mail program connects without complaint.",
    "Works; something should be mended.",
    "Mail programs can't connect safely.",
    "Something could not be found out.",
)


class ByHand(enum.Enum):
    """Whether the commands of other programs are shown."""

    SHOW = "show"
    HIDE = "hide"


def heading(host: str, port: int, title: str, width: int) -> list[Text]:
    """What is checked."""
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [Text.assemble((name, "bold"), (f"  {title}", "dim")), _rule(width, "=")]


def section(step: Step, width: int, by_hand: ByHand) -> list[Text]:
    """One step."""
    width = min(width, _WIDEST)
    title = f"{step.section.value} "
    took = f" {step.seconds:.1f} s"
    line = Text.assemble((title, "bold"), ("-" * (width - len(title) - len(took)) + took, "dim"))
    lines = [Text(), line]
    for finding in step.findings:
        lines += _finding(finding, width)
    if by_hand is ByHand.SHOW and step.commands:
        lines.append(Text("  By hand:", style="dim"))
        for command in step.commands:
            lines += [Text(each, style="dim") for each in _command(command, width)]
    return lines


def summary(report: Report, width: int) -> list[Text]:
    """The grade and what it rests on."""
    width = min(width, _WIDEST)
    letter = grade(report.findings)
    lines = [Text(), _rule(width, "="), Text.assemble(("Grade  ", "bold"))]
    lines[-1].append(f" {letter} ", style=f"{_GRADE_STYLES.get(letter, 'bold red')} reverse")
    lines[-1].append(f"  {_MEANINGS[exit_code(report.findings)]}")
    if cause := costs(report.findings):
        lines += [Text(each) for each in _wrap(f"Because of: {', '.join(dict.fromkeys(cause))}", width, 7)]
    counts = {verdict: sum(1 for each in report.findings if each.verdict is verdict) for verdict in Verdict}
    words = (
        (Verdict.FAILURE, "failed"),
        (Verdict.WARNING, "to mend"),
        (Verdict.UNKNOWN, "unknown"),
        (Verdict.NOTE, "to note"),
        (Verdict.GOOD, "good"),
    )
    said = ", ".join(f"{counts[verdict]} {word}" for verdict, word in words if counts[verdict])
    when = datetime.datetime.fromtimestamp(report.started_seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines.append(Text(f"       {said}. {when}, {report.seconds:.1f} s.", style="dim"))
    return lines


def _finding(finding: Finding, width: int) -> Iterator[Text]:
    style = _STYLES[finding.verdict]
    first, *rest = _wrap(finding.text, width, _INDENT) or [""]
    line = Text.assemble((f"  {finding.verdict.value:<{_VERDICT_WIDTH - 1}} ", style))
    line.append(f"{finding.label:<{_LABEL_WIDTH - 1}} ", style="bold" if finding.verdict is Verdict.FAILURE else "")
    line.append(first.strip())
    yield line
    yield from (Text(each) for each in rest)
    if finding.remedy is not None:
        yield from (Text(each, style=style) for each in _wrap(f"> {finding.remedy}", width, _INDENT, hang=2))
    for detail in finding.details:
        yield from (Text(each, style="dim") for each in _wrap(detail, width, _VERDICT_WIDTH + 2, hang=2))


def _wrap(text: str, width: int, indent: int, *, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + hang), break_on_hyphens=False
    )


def _command(command: str, width: int) -> list[str]:
    """`$ ` and the command, broken between words with a backslash. Quoted words stay whole."""
    lines, line = [], "    $"
    for word in command.split(" "):
        if len(line) + 1 + len(word) > width - 2 and line.strip(" $") and line.count("'") % 2 == 0:
            lines.append(line + " \\")
            line = "       "
        line += f" {word}"
    return [*lines, line]


def _rule(width: int, character: str) -> Text:
    return Text(character * min(width, _WIDEST), style="dim")
