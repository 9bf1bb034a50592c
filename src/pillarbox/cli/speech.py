"""How a command speaks: tables and bars for people at a terminal, plain lines in a pipe, JSON for programs.

Must never: write anything but the answer to stdout; progress and complaints go to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Protocol

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", negative="", help="Answer in JSON, for programs.")]
Cell = str | int | bool | None


def say(text: str) -> None:
    """A line of the answer."""
    print(text)  # noqa: T201 - the command line speaks


def complain(text: str) -> None:
    """A line to the person, apart from the answer."""
    print(text, file=sys.stderr)  # noqa: T201


def say_json(value: object) -> None:
    """The whole answer, for a program."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def say_table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """A table on a terminal; in a pipe the rows alone, their cells divided by tabs."""
    if not sys.stdout.isatty():
        for row in rows:
            say("\t".join(_plain(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, cells in zip(headings, zip(*rows, strict=True) if rows else [()] * len(headings), strict=True):
        numbers = bool(cells) and all(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells)
        table.add_column(heading, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text(_plain(cell)) for cell in row))
    Console().print(table)


class Bar(Protocol):
    """A bar of progress."""

    def advance(self, amount: float) -> None: ...


class _NoBar:
    def advance(self, amount: float) -> None:
        pass


@contextmanager
def progress_bar(title: str, total: float) -> Iterator[Bar]:
    """A bar on stderr when that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)

        class RichBar:
            def advance(self, amount: float) -> None:
                progress.advance(task, amount)

        yield RichBar()


def size_text(size_bytes: int) -> str:
    """`3.4 MB`."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1_000:
            break
        size, unit = size / 1_000, larger
    return f"{size_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _plain(cell: Cell) -> str:
    """A cell on one line, without anything that would steer a terminal."""
    text = "yes" if cell is True else "no" if cell is False else "" if cell is None else str(cell)
    return "".join(character if character.isprintable() else "?" for character in text)
