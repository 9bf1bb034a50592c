"""`pillarbox doctor`: the own installation examined, a remedy for every finding.

Must never: change mail, an account or a setting; print what could steer a terminal.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from pillarbox.app.settings import ServerSettings
from pillarbox.check.findings import Verdict
from pillarbox.cli.exits import CommandFailed
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, progress_bar, say_json
from pillarbox.clock import SystemClock
from pillarbox.doctor.examination import examine
from pillarbox.doctor.findings import Area, Finding, exit_code
from pillarbox.doctor.naming import SystemNames
from pillarbox.doctor.patient import Patient

_STYLES: Final = {
    Verdict.GOOD: "green",
    Verdict.NOTE: "cyan",
    Verdict.WARNING: "bold yellow",
    Verdict.FAILURE: "bold red",
    Verdict.UNKNOWN: "bold magenta",
    Verdict.SKIPPED: "dim",
}
_COUNTED: Final = (
    (Verdict.FAILURE, "failed"),
    (Verdict.WARNING, "to mend"),
    (Verdict.UNKNOWN, "unknown"),
    (Verdict.NOTE, "to note"),
    (Verdict.GOOD, "good"),
)
_INDENT: Final = 22
_WIDEST: Final = 100


def doctor(*, json: Json = False, place: Place = Place()) -> int:  # noqa: B008 - frozen
    """Examine this installation. Returns a code for monitoring."""
    console = Console(highlight=False, markup=False, soft_wrap=True)

    def tell(area: Area, findings: Sequence[Finding]) -> None:
        if not json:
            for line in _lines(area, findings, min(console.width, _WIDEST)):
                console.print(line)

    patient = Patient(_settings(place), place.config_path, SystemClock(), SystemNames(), progress_bar)
    findings = asyncio.run(examine(patient, tell))
    code = exit_code(findings)
    if json:
        say_json({"exit_code": int(code), "findings": [_as_json(each) for each in findings]})
    else:
        counts = [(sum(each.verdict is verdict for each in findings), word) for verdict, word in _COUNTED]
        console.print(Text("\n" + ", ".join(f"{count} {word}" for count, word in counts if count) + ".", style="bold"))
    return int(code)


def _settings(place: Place) -> ServerSettings:
    """Those of the file, or the defaults when it is wrong: then the examination says so, and goes on."""
    try:
        return place.settings()
    except CommandFailed:
        return ServerSettings(data_folder=place.path)


def _lines(area: Area, findings: Sequence[Finding], width: int) -> list[Text]:
    """Columns for area, verdict and what was found; the remedy below. Readable without colour."""
    lines = []
    for number, finding in enumerate(findings):
        style = _STYLES[finding.verdict]
        first, *rest = _wrap(_printable(finding.text), width, _INDENT) or [""]
        line = Text().append(f"{'' if number else area.value:<14} ", style="bold")
        line.append(f"{finding.verdict.value:<6} ", style=style)
        line.append(first.strip())
        lines.append(line)
        lines += [Text(each) for each in rest]
        if finding.remedy is not None:
            lines += [Text(each, style=style) for each in _wrap(f"> {_printable(finding.remedy)}", width, _INDENT, 2)]
    return lines


def _wrap(text: str, width: int, indent: int, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
        break_long_words=False,  # paths and commands stay whole for copying
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "area": finding.area.name.lower(),
        "name": finding.name,
        "verdict": finding.verdict.name.lower(),
        "text": finding.text,
        "remedy": finding.remedy,
    }
