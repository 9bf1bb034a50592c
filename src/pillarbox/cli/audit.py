"""`pillarbox audit ...`: what concerned this server's safety, and whether the log of it is whole (docs/audit.md).

Must never: change the log.
"""

from __future__ import annotations

import dataclasses
import json as json_format
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.audit.entry import Entry
from pillarbox.audit.sealing import KeyInvalid, SealKey
from pillarbox.audit.trail import Head, key_path
from pillarbox.audit.verify import AuditMissing, Follower, entries
from pillarbox.audit.verify import verify as verify_log
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.moments import moment
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table

_HEAD: Final = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")
_BEFORE: Final = 10
"""Entries that `tail` begins with."""
_HERE: Final = Place()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries."""

    event: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="Events of this name, or of an area: login.denied, app_password. Several times."),
    ] = ()
    user: Annotated[str | None, Parameter(help="About this login name only.")] = None
    since: Annotated[str | None, Parameter(help="Not before: 2026-11-20, 3h, 2d.")] = None
    until: Annotated[str | None, Parameter(help="Not after.")] = None

    def test(self) -> Callable[[Entry], bool]:
        """Whether an entry is wanted. Raises CommandFailed."""
        since = "" if self.since is None else _stamp(moment(self.since))
        until = "9" if self.until is None else _stamp(moment(self.until) + 1)
        user = None if self.user is None else self.user.lower()

        def is_wanted(entry: Entry) -> bool:
            named = {entry.event, entry.event.partition(".")[0]}
            return (
                since <= entry.time < until
                and (not self.event or not named.isdisjoint(self.event))
                and (user is None or user in (entry.fields.get("login"), entry.fields.get("owner")))
            )

        return is_wanted


def verify(
    *,
    key: Annotated[Path | None, Parameter(help="The verification key, where you keep it.")] = None,
    head: Annotated[
        str | None, Parameter(help="NUMBER:HASH that you or another machine wrote down: nothing up to it may be gone.")
    ] = None,
    json: Json = False,
    place: Place = _HERE,
) -> int:
    """Read the whole log; says which entry is broken first."""
    is_here = key is None and key_path(place.folder.audit_path).exists()
    with _readable(place):
        known = None if head is None else _head(head)
        first_key = _key(key or key_path(place.folder.audit_path)) if key is not None or is_here else None
        verdict = verify_log(place.folder.audit_path, first_key, known)
    if json:
        say_json({**dataclasses.asdict(verdict), "head": str(verdict.head), "whole": not verdict.broken})
        return ExitCode.BAD_DATA if verdict.broken else ExitCode.OK
    if verdict.broken:
        where = f" ({verdict.place})" if verdict.place else ""
        raise CommandFailed(
            f"the audit log is broken: {verdict.broken}{where}\n"
            f"{verdict.entries} entries before that are as they were written, up to {verdict.head}\n"
            "Keep a copy of the folder as it is, and look who could write there: docs/audit.md",
            ExitCode.BAD_DATA,
        )
    say(f"whole: entries {verdict.first} to {verdict.head.number}, head {verdict.head}")
    if verdict.unfinished_bytes:
        say(f"the last line is not finished ({verdict.unfinished_bytes} bytes): a process was killed while it wrote")
    if first_key is None:
        say("seals were not looked at: give the verification key with --key")
    elif is_here:
        say(f"the verification key lies beside the log: move {key_path(place.folder.audit_path)} to another machine")
    return ExitCode.OK


def list_entries(
    *,
    last: Annotated[int, Parameter(help="How many, at most.")] = 50,
    wanted: Wanted = Wanted(),
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """The latest entries, oldest first."""
    test = wanted.test()
    with _readable(place):
        found = [entry for entry in entries(place.folder.audit_path) if test(entry)][-max(last, 1) :]
    if json:
        say_json([dataclasses.asdict(entry) for entry in found])
        return
    say_table(
        ("number", "time (UTC)", "event", "by", "what"),
        [(entry.number, entry.time, entry.event, entry.by, _story(entry)) for entry in found],
    )


def export(*, wanted: Wanted = Wanted(), place: Place = _HERE) -> None:
    """All entries, a line of JSON each."""
    test = wanted.test()
    with _readable(place):
        for entry in entries(place.folder.audit_path):
            if test(entry):
                say(_line(entry))


def tail(
    *,
    every: Annotated[float, Parameter(help="Seconds between two looks. Default: 1.")] = 1.0,
    wanted: Wanted = Wanted(),
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Entries as they come, until Ctrl-C."""
    test = wanted.test()
    with _readable(place):
        follower = Follower(place.folder.audit_path, _BEFORE)
        while True:
            for entry in follower.news():
                if test(entry):
                    line = _line(entry) if json else f"{entry.time}  {entry.event}  {entry.by}  {_story(entry)}"
                    say("".join(each if each.isprintable() else "?" for each in line))
            sys.stdout.flush()
            time.sleep(max(every, 0.05))


@contextmanager
def _readable(place: Place) -> Iterator[None]:
    place.check()
    try:
        yield
    except AuditMissing as error:
        raise CommandFailed(f"{error}; a server or a command makes it when something happens", ExitCode.NO_INPUT) from (
            error
        )
    except OSError as error:
        raise CommandFailed(f"can't read the audit log: {error.strerror}", ExitCode.NO_INPUT) from error


def _key(path: Path) -> SealKey:
    try:
        return SealKey.parse(path.read_text("ascii", "replace"))
    except KeyInvalid as error:
        raise CommandFailed(f"{path}: {error}", ExitCode.BAD_DATA) from error
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}", ExitCode.NO_INPUT) from error


def _head(typed: str) -> Head:
    found = _HEAD.fullmatch(typed)
    if found is None:
        raise CommandFailed("--head: give NUMBER:HASH, as `pillarbox audit verify` prints it", ExitCode.USAGE)
    return Head(int(found[1]), found[2])


def _stamp(seconds: int) -> str:
    """As entries have it, so that texts compare as times do."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _line(entry: Entry) -> str:
    return json_format.dumps(dataclasses.asdict(entry), separators=(",", ":"))


def _story(entry: Entry) -> str:
    return ", ".join(f"{name} {value}" for name, value in entry.fields.items() if value not in ("", None))
