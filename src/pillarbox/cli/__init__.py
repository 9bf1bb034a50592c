"""The command line: reads what a person typed, does it, says what was done in plain words.

Heavy modules are imported by the command that needs them, so `--help` and mistakes in typing answer at once.

Must never: take a password as an argument (other users of the machine can read those), or show a traceback for
something that a person can mend.
"""

from __future__ import annotations

import sys

from pillarbox.cli.exits import CommandFailed, ExitCode


def main() -> None:
    """The entry point; ends the process with a code of `exits.ExitCode`."""
    from pillarbox.cli.tree import run

    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except CommandFailed as failure:
        print(f"pillarbox: {failure}", file=sys.stderr)  # noqa: T201 - the command line speaks
        code = failure.code
    except KeyboardInterrupt:
        print("pillarbox: stopped", file=sys.stderr)  # noqa: T201
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away (`pillarbox user list | head`)
        code = ExitCode.OK
    sys.exit(code)
