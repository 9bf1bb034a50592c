"""The command line: reads what a person typed, does it, says what was done in plain words.

Heavy modules are imported by the command that needs them, so `--help` and mistakes in typing answer at once.

Must never: take a password as an argument (other users of the machine can read those), or show a traceback for
something that a person can mend.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pillarbox.cli.exits import CommandFailed, ExitCode

T = TypeVar("T")


def main() -> None:
    """The entry point; ends the process with a code of `exits.ExitCode`."""
    words = sys.argv[1:]
    read = partial(_ended_well, partial(_run, words))
    if words[:1] == ["serve"]:
        from pillarbox.app.aside import aside

        importlib.import_module("pillarbox.app.server")  # before the fork: what both need is loaded once
        result = aside(read)  # the server is spared what reading a command line and settings takes
    else:
        result = read()
    sys.exit(result if isinstance(result, int) else _ended_well(result))


def _run(words: list[str]) -> int | Callable[[], None]:
    from pillarbox.cli.tree import run

    return run(words)


def _ended_well(work: Callable[[], T]) -> T | int:
    """What came of it; an exit code, once a person was told, when nothing did."""
    try:
        result = work()
        sys.stdout.flush()
    except CommandFailed as failure:
        print(f"pillarbox: {failure}", file=sys.stderr)  # noqa: T201 - the command line speaks
        return failure.code
    except KeyboardInterrupt:
        print("pillarbox: stopped", file=sys.stderr)  # noqa: T201
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away (`pillarbox user list | head`)
        return ExitCode.OK
    return result
