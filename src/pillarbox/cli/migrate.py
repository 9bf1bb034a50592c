"""`pillarbox migrate`: whole accounts from another IMAP server.

Must never: change the source, or take a password from the command line.
"""

from __future__ import annotations

import asyncio
import csv
import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli import household
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, everybodys_mail, login_name
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json, size_text
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret
from pillarbox.transfer.address import Address, AddressInvalid, read_address
from pillarbox.transfer.many import Job, Patience, Plan, Verification, migrate_all
from pillarbox.transfer.migration import Wishes
from pillarbox.transfer.progress import Outcome, Progress

_HERE = Place()


def migrate(
    source: Annotated[
        str, Parameter(help="imaps://USER@HOST[:PORT], or starttls://...; without USER with --accounts.")
    ],
    /,
    *,
    user: Annotated[str | None, Parameter(help="Whose mail it becomes.")] = None,
    accounts: Annotated[
        Path | None, Parameter(help="CSV for many: source user, source password, user here; a line each.")
    ] = None,
    password_stdin: Annotated[
        bool, Parameter(name="--password-stdin", negative="", help="Read the source's password from stdin, one line.")
    ] = False,
    password_file: Annotated[Path | None, Parameter(help="File whose first line is the source's password.")] = None,
    ca_file: Annotated[Path | None, Parameter(help="Certificates (PEM) that the source's is trusted by.")] = None,
    only: Annotated[
        tuple[str, ...], Parameter(help="Only mailboxes like this one, as in 'Lists/*'.", negative="")
    ] = (),
    exclude: Annotated[tuple[str, ...], Parameter(help="Not mailboxes like this one.", negative="")] = (),
    update_flags: Annotated[
        bool, Parameter(negative="", help="Also carry over flags that changed at the source since the last run.")
    ] = False,
    expunge: Annotated[
        bool, Parameter(negative="", help="Also remove what was expunged at the source since the last run.")
    ] = False,
    verify: Annotated[
        bool, Parameter(negative="", help="Then compare every message: SHA-256 of its bytes, flags, dates.")
    ] = False,
    parallel: Annotated[int, Parameter(help="Accounts at a time.")] = 4,
    tries: Annotated[int, Parameter(help="How often to try in a row when the source is away.")] = 8,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Copy an account from any IMAP server."""
    address = _address(source, ca_file)
    jobs = _jobs(place, address, user, accounts, (password_stdin, password_file))
    plan = Plan(
        Wishes(only, exclude, update_flags, expunge),
        Patience(tries=max(1, tries)),
        place.folder.transfer_path,
        Verification.EVERY_MESSAGE if verify else Verification.NONE,
        max(1, min(parallel, 32)),
    )
    with _shown(len(jobs)) as screen:
        outcomes = asyncio.run(_migrate(place, jobs, plan, screen))
    if json:
        say_json([_document(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)])
    else:
        for job, outcome in zip(jobs, outcomes, strict=True):
            _say(job, outcome, plan.verification)
    _judge(outcomes)


async def _migrate(place: Place, jobs: Sequence[Job], plan: Plan, screen: _Screen) -> list[Outcome]:
    async with everybodys_mail(place) as store:
        return await migrate_all(jobs, plan, store, SystemClock(), screen.line)


# --- what was asked for ----------------------------------------------------------------------------


def _address(text: str, ca_file: Path | None) -> Address:
    try:
        address = read_address(text, None if ca_file is None else ca_file.expanduser())
    except AddressInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    try:
        address.tls()
    except OSError as error:
        raise CommandFailed(f"can't use {ca_file}: {error.strerror or 'no certificates'}", ExitCode.NO_INPUT) from error
    return address


def _jobs(
    place: Place, address: Address, user: str | None, table: Path | None, passwords: tuple[bool, Path | None]
) -> list[Job]:
    if table is not None:
        if user is not None or address.user or any(passwords):
            raise CommandFailed("with --accounts, users and passwords stand in that file alone", ExitCode.USAGE)
        return _jobs_of(place, address, table.expanduser())
    if user is None or not address.user:
        raise CommandFailed("name the user there (imaps://USER@HOST) and, with --user, the one here", ExitCode.USAGE)
    account = account_named(place, user)
    return [Job(address, _password(address, *passwords), account.id, account.login_name)]


def _jobs_of(place: Place, address: Address, table: Path) -> list[Job]:
    """All lines of the CSV file, or a complaint about each that is wrong and nothing done."""
    place.check()
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file, strict=True), 1) if row]
    except OSError as error:
        raise CommandFailed(f"can't read {table}: {error.strerror}", ExitCode.NO_INPUT) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandFailed(f"{table} is no CSV file in UTF-8", ExitCode.BAD_DATA) from error
    if rows and rows[0][1][0].strip().lower() in ("source user", "source_user"):
        rows = rows[1:]
    with household.accounts(place) as directory:
        known = {account.login_name: account for account in directory.accounts()}
    jobs: list[Job] = []
    wrong = 0
    for number, row in rows:
        complaint, job = _job_of(address, row, known)
        if job is None or any(job.account == other.account for other in jobs):
            complain(f"{table}, line {number}: {complaint or 'that user stands in an earlier line'}")
            wrong += 1
        else:
            jobs.append(job)
    if wrong or not jobs:
        raise CommandFailed(f"{wrong} of {len(rows)} lines are wrong; nothing was done", ExitCode.BAD_DATA)
    return jobs


def _job_of(address: Address, row: Sequence[str], known: dict[str, Account]) -> tuple[str, Job | None]:
    if len(row) != 3 or not all(row):
        return "expected source user, source password, user here", None
    try:
        account = known.get(login_name(row[2]))
    except CommandFailed as error:
        return str(error), None
    if account is None:
        return f'there is no account "{row[2]}"; see: pillarbox user list', None
    return "", Job(address.of(row[0]), Secret(row[1]), account.id, account.login_name)


def _password(address: Address, from_stdin: bool, file: Path | None) -> Secret[str]:
    if from_stdin:
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    if file is not None:
        try:
            with file.expanduser().open(encoding="utf-8") as lines:
                return Secret(lines.readline().rstrip("\r\n"))
        except OSError as error:
            raise CommandFailed(f"can't read {file}: {error.strerror}", ExitCode.NO_INPUT) from error
    if not sys.stdin.isatty():
        raise CommandFailed(
            "there is no terminal to ask for the source's password; give --password-stdin or --password-file",
            ExitCode.USAGE,
        )
    return Secret(getpass.getpass(f"Password of {address.user} at {address.host}: "))


# --- what is told ----------------------------------------------------------------------------------


class _Screen:
    """Plain lines: one for each mailbox and each trouble."""

    def line(self, job: Job) -> Progress:
        return _Lines(job.name)


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name

    def mailbox(self, name: str, messages: int) -> None:
        complain(f"{self._name}: {_plain(name)}, {messages} messages")

    def took(self, messages: int, size_bytes: int) -> None:
        pass

    def compared(self, messages: int) -> None:
        pass

    def note(self, text: str) -> None:
        complain(f"{self._name}: {_plain(text)}")


@contextmanager
def _shown(jobs: int) -> Iterator[_Screen]:
    """Bars on a terminal, a line for each account; plain lines in a pipe."""
    if not sys.stderr.isatty():
        yield _Screen()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=console) as bars:

        class Line(_Lines):
            def __init__(self, name: str, task: TaskID) -> None:
                super().__init__(name)
                self._task = task
                self._bytes = 0

            def mailbox(self, name: str, messages: int) -> None:
                bars.update(self._task, description=f"{self._name}: {_plain(name)}", total=messages, completed=0)

            def took(self, messages: int, size_bytes: int) -> None:
                self._bytes += size_bytes
                bars.update(self._task, advance=messages, rate=size_text(self._bytes))

            def compared(self, messages: int) -> None:
                bars.update(self._task, advance=messages, rate="comparing")

            def note(self, text: str) -> None:
                console.print(f"{self._name}: {_plain(text)}", markup=False, highlight=False)

        class Screen(_Screen):
            def line(self, job: Job) -> Progress:
                return Line(job.name, bars.add_task(job.name, total=None, rate=""))

        yield Screen()


def _say(job: Job, outcome: Outcome, verification: Verification) -> None:
    come = f"{outcome.messages} messages, {size_text(outcome.size_bytes)}, of {len(outcome.mailboxes)} mailboxes"
    say(f"{job.address} -> {job.name}: brought {come}")
    for done in outcome.mailboxes.values():
        changes = [f"{done.flags_changed} flags changed"] if done.flags_changed else []
        changes += [f"{done.expunged} expunged"] if done.expunged else []
        name = done.source if done.source == done.target else f"{done.source} -> {done.target}"
        say(f"  {_plain(name)}: {', '.join([f'{done.brought} of {done.at_source}', *changes])}")
    for text in outcome.differences:
        say(f"  differs: {_plain(text)}")
    if verification is Verification.EVERY_MESSAGE:
        say(f"  compared {outcome.compared} messages: {outcome.different or 'no'} differences")


def _document(job: Job, outcome: Outcome) -> dict[str, object]:
    return {
        "source": str(job.address),
        "user": job.name,
        "messages": outcome.messages,
        "size_bytes": outcome.size_bytes,
        "compared": outcome.compared,
        "different": outcome.different,
        "differences": outcome.differences,
        "left_out": outcome.left_out,
        "interruptions": outcome.interruptions,
        "failure": outcome.failure or None,
        "mailboxes": [
            {
                "source": done.source,
                "target": done.target,
                "at_source": done.at_source,
                "brought": done.brought,
                "flags_changed": done.flags_changed,
                "expunged": done.expunged,
                "compared": done.compared,
            }
            for done in outcome.mailboxes.values()
        ],
    }


def _judge(outcomes: Sequence[Outcome]) -> None:
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    if len(outcomes) == 1 and failures:
        raise CommandFailed(failures[0], ExitCode.UNAVAILABLE)
    if failures:
        raise CommandFailed(f"{len(failures)} of {len(outcomes)} accounts failed: {failures[0]}", ExitCode.UNAVAILABLE)
    if any(outcome.different for outcome in outcomes):
        raise CommandFailed("the accounts differ, as told above", ExitCode.BAD_DATA)
    left_out = sum(len(outcome.left_out) for outcome in outcomes)
    if left_out:
        raise CommandFailed(f"{left_out} were left out, named above; the next run tries them again", ExitCode.BAD_DATA)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
