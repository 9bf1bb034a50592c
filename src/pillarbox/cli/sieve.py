"""`pillarbox sieve ...`: people's Sieve scripts, and what a script would do with a message.

Must never: keep a script that can't run; do what `test` shows.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table
from pillarbox.clock import SystemClock
from pillarbox.delivery.scripts import Kept, ScriptMissing, Scripts
from pillarbox.mail.errors import LimitReached, MailError
from pillarbox.mime.digest import header_size
from pillarbox.sieve.check import compile_script
from pillarbox.sieve.environment import Envelope, Environment
from pillarbox.sieve.errors import ScriptInvalid
from pillarbox.sieve.interpreter import run
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.outcome import in_words

T = TypeVar("T")
User = Annotated[str, Parameter(help="Whose scripts.")]
Name = Annotated[str, Parameter(name="NAME", help="Of the script.")]
Script = Annotated[Path, Parameter(name="FILE", help="The script; - is the standard input.")]


def put(name: Name, file: Script, *, user: User, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Keep a script, in place of one of that name."""
    source = _read(file)
    _with_scripts(place, user, lambda scripts: scripts.put(name, source), str(file))


def get(name: Name, *, user: User, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Print a script."""
    source = _with_scripts(place, user, lambda scripts: scripts.get(name))
    sys.stdout.buffer.write(source)
    sys.stdout.flush()


def list_scripts(*, user: User, json: Json = False, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """The scripts of an account, and which one mail is filtered by."""
    kept: Kept = _with_scripts(place, user, lambda scripts: scripts.kept())
    rows = [(name, len(source), name == kept.active) for name, source in kept.scripts.items()]
    if json:
        say_json([{"name": name, "size_bytes": size, "active": active} for name, size, active in rows])
        return
    say_table(("script", "bytes", "active"), rows)


def activate(name: Name, *, user: User, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Filter mail by a script from now on."""
    _with_scripts(place, user, lambda scripts: scripts.activate(name))


def deactivate(*, user: User, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Filter mail no more; the scripts stay."""
    _with_scripts(place, user, lambda scripts: scripts.deactivate())


def remove(name: Name, *, user: User, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Remove a script that is not active."""
    _with_scripts(place, user, lambda scripts: scripts.remove(name))


def check(file: Script, *, json: Json = False, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Look for mistakes in a script."""
    try:
        compile_script(_read(file), place.settings().sieve)
    except ScriptInvalid as invalid:
        if not json:
            raise _invalid(file, invalid) from invalid
        say_json(
            [{"line": each.place.line, "column": each.place.column, "text": each.text} for each in invalid.mistakes]
        )
        raise SystemExit(ExitCode.BAD_DATA) from invalid
    if json:
        say_json([])
    else:
        say(f"{file}: the script is right")


def try_out(
    script: Annotated[Path, Parameter(name="SCRIPT", help="The script.")],
    message: Annotated[Path, Parameter(name="MESSAGE", help="A message, as an .eml file.")],
    *,
    sender: Annotated[str, Parameter(help="The envelope's sender.")] = "sender@example.net",
    recipient: Annotated[str, Parameter(help="The envelope's recipient.")] = "recipient@example.org",
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """What a script would do with a message; nothing is done."""
    limits = place.settings().sieve
    source, data = _read(script), _read(message)
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    try:
        compiled = compile_script(source, limits)
    except ScriptInvalid as invalid:
        raise _invalid(script, invalid) from invalid
    clock = SystemClock()
    environment = Environment(now_seconds=clock.now_seconds(), zone_minutes=clock.zone_minutes())
    reading = SieveMessage(data[: header_size(data)], len(data), lambda: data)
    outcome = run(compiled, reading, Envelope(sender, recipient), environment, limits)
    actions = [in_words(action) for action in outcome.actions]
    if json:
        say_json({"actions": actions, "error": outcome.error or None})
        return
    if outcome.error:
        say(f"the script fails: {outcome.error}")
    for line in actions or ["discard"]:
        say(line)


def _with_scripts(place: Place, user: str, work: Callable[[Scripts], Awaitable[T]], file: str = "") -> T:
    account = account_named(place, user)
    limits: SieveLimits = place.settings().sieve

    async def do() -> T:
        async with mail_of(place, account) as mail:
            return await work(Scripts(mail, limits))

    try:
        return asyncio.run(do())
    except ScriptInvalid as invalid:
        raise _invalid(Path(file or "the script"), invalid) from invalid
    except ScriptMissing as error:
        raise CommandFailed(f"{error}; see: pillarbox sieve list --user {user}", ExitCode.NO_INPUT) from error
    except LimitReached as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    except MailError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"can't read {file}: {error.strerror}", ExitCode.NO_INPUT) from error


def _invalid(file: Path, invalid: ScriptInvalid) -> CommandFailed:
    lines = [f"{file}:{each.place.line}:{each.place.column}: {each.text}" for each in invalid.mistakes]
    return CommandFailed("\n".join(lines), ExitCode.BAD_DATA)
