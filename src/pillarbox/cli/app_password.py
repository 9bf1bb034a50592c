"""`pillarbox app-password ...`: a password for each device, with limits of its own (docs/app-passwords.md).

Must never: show a password but once, when it is made; let a person choose one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.sessions import Which as Live
from pillarbox.app.sessions import end_what_is_taken_back, list_sessions
from pillarbox.auth.app_passwords import (
    AppPassword,
    AppPasswordMissing,
    AppPasswordRefused,
    AppPasswords,
    Lock,
    Terms,
)
from pillarbox.auth.directory import Account
from pillarbox.auth.networks import NetworkInvalid
from pillarbox.auth.scope import Access, Scope
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts, mail_of
from pillarbox.cli.logins import time_text
from pillarbox.cli.moments import moment, seconds_of
from pillarbox.cli.place import Place
from pillarbox.cli.scram import keep_scram_keys
from pillarbox.cli.speech import Json, complain, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.mail.errors import LimitReached, NameInvalid
from pillarbox.mail.names import NameLimits, canonical_name, check_new_name

User = Annotated[str, Parameter(help="Login name of the account.")]
Device = Annotated[str, Parameter(help='What it is for: "phone", "scanner in the hall".')]
Which = Annotated[str, Parameter(help="Its name, or its id, as `app-password list` shows them.")]
_HERE: Final = Place()


def add(
    user: User,
    device: Device,
    /,
    *,
    read_only: Annotated[bool, Parameter(negative="", help="It may look at everything and change nothing.")] = False,
    append_only: Annotated[
        bool, Parameter(negative="", help="It may put messages into mailboxes, and read nothing.")
    ] = False,
    mailbox: Annotated[
        tuple[str, ...], Parameter(negative="", help="Only this mailbox and those below it. May be given again.")
    ] = (),
    from_: Annotated[
        tuple[str, ...],
        Parameter(name="--from", negative="", help="Only from this address or network (CIDR). May be given again."),
    ] = (),
    lock: Annotated[
        Lock,
        Parameter(help="Stay with the first that uses it: its network (a /24, IPv6 a /48), its address (a /64), none."),
    ] = Lock.NONE,
    expires: Annotated[str | None, Parameter(help="Good until this date (2027-01-31), or for so long (90d).")] = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Make an app password and print it, once."""
    if read_only and append_only:
        raise CommandFailed("--read-only and --append-only exclude each other", ExitCode.USAGE)
    access = Access.READ_ONLY if read_only else Access.APPEND_ONLY if append_only else Access.FULL
    scope = Scope(access, tuple(dict.fromkeys(_mailbox(name) for name in mailbox)))
    account = account_named(place, user)
    with _kept(place) as kept:
        try:
            made, secret = kept.add(account.id, device, Terms(scope, from_, lock, _end(expires)))
        except (AppPasswordRefused, NetworkInvalid) as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from error
    with accounts(place) as directory:
        keep_scram_keys(directory, place.settings().auth, [(account, secret)], made.id)
    witness(place).info("app_password.added", login=account.login_name, app_password=made.name, limits=_limits(made))
    _note_missing(place, account, scope)
    if json:
        say_json({**_document(made), "password": secret.reveal()})
        return
    complain(f'This is the password of {account.login_name} for "{made.name}" ({_limits(made)}). It is shown only now:')
    say(secret.reveal())


def list_app_passwords(user: User, /, *, json: Json = False, place: Place = _HERE) -> None:
    """The app passwords of an account, and when, where and by which program they were used last."""
    account = account_named(place, user)
    with _kept(place) as kept:
        found = kept.of(account.id)
    if json:
        say_json([_document(each) for each in found])
        return
    say_table(
        ("id", "name", "limits", "made (UTC)", "last used (UTC)", "from", "program"),
        [(each.id, each.name, _limits(each), time_text(each.created_seconds), *_last_use(each)) for each in found],
    )


def show(user: User, which: Which, /, *, json: Json = False, place: Place = _HERE) -> None:
    """All about one app password, but for what it is."""
    account = account_named(place, user)
    with _kept(place) as kept:
        found = kept.named(account.id, which)
    if json:
        say_json(_document(found))
        return
    say_table(("what", "value"), [(name, _text(value)) for name, value in _document(found).items()])


def revoke(
    user: User,
    which: Annotated[str | None, Parameter(help="Its name, or its id, as `app-password list` shows them.")] = None,
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="All that the account has.")] = False,
    place: Place = _HERE,
) -> None:
    """Take an app password back; sessions that it opened end at once."""
    if all_ == (which is not None):
        raise CommandFailed("name one app password, or give --all", ExitCode.USAGE)
    account = account_named(place, user)
    with _kept(place) as kept:
        found: Sequence[AppPassword] = kept.of(account.id) if which is None else [kept.named(account.id, which)]
        ended = _sessions_of(place, account, {each.name for each in found})
        for each in found:
            kept.revoke(each)
    for each in found:
        witness(place).info("app_password.revoked", login=account.login_name, app_password=each.name)
    end_what_is_taken_back(place.folder)
    names = ", ".join(f'"{each.name}"' for each in found) or "nothing: there is none"
    say(f"revoked {names}; {ended} {'session' if ended == 1 else 'sessions'} ended")


def _sessions_of(place: Place, account: Account, names: set[str]) -> int:
    """How many sessions app passwords have open."""
    rows, _ = list_sessions(place.folder, Live(account=account.id))
    return sum(row.app_password in names for row in rows)


@contextmanager
def _kept(place: Place) -> Iterator[AppPasswords]:
    with accounts(place) as directory:
        try:
            yield AppPasswords(directory, SystemClock())
        except AppPasswordMissing as error:
            raise CommandFailed(f"{error}; see: pillarbox app-password list", ExitCode.BAD_DATA) from error


def _mailbox(typed: str) -> str:
    name = canonical_name(typed.rstrip("/"))
    try:
        check_new_name(name, NameLimits())
    except (NameInvalid, LimitReached) as error:
        raise CommandFailed(f'"{typed}": {error}', ExitCode.USAGE) from error
    return name


def _end(typed: str | None) -> int | None:
    if typed is None:
        return None
    now = int(SystemClock().now_seconds())
    end = now + seconds_of(typed) if typed[-1:].isalpha() and typed[:1].isdigit() else moment(typed)
    if end <= now:
        raise CommandFailed(f'"{typed}" has passed already', ExitCode.USAGE)
    return end


def _note_missing(place: Place, account: Account, scope: Scope) -> None:
    """A typing mistake in a mailbox's name is found out here, not at the device."""
    if not scope.mailboxes:
        return

    async def names() -> set[str]:
        async with mail_of(place, account) as mail:
            return {mailbox.name for mailbox in await mail.mailboxes()}

    there = asyncio.run(names())
    for name in scope.mailboxes:
        if name not in there:
            complain(f'note: {account.login_name} has no mailbox "{name}" now')


def _limits(app_password: AppPassword) -> str:
    terms = app_password.terms
    told = [str(terms.scope)]
    if terms.networks:
        told.append("from " + " ".join(terms.networks))
    if terms.lock is not Lock.NONE:
        told.append(f"locked to {app_password.locked_to or f'the first {terms.lock.value}'}")
    if terms.expires_seconds is not None:
        over = app_password.is_expired(SystemClock().now_seconds())
        told.append(f"{'expired' if over else 'until'} {time_text(terms.expires_seconds)} UTC")
    return "; ".join(told)


def _last_use(app_password: AppPassword) -> tuple[str, str, str]:
    use = app_password.last_use
    return ("never", "", "") if use is None else (time_text(use.seconds), use.address, use.client)


def _document(app_password: AppPassword) -> dict[str, object]:
    terms, use = app_password.terms, app_password.last_use
    return {
        "id": app_password.id,
        "name": app_password.name,
        "access": terms.scope.access.value,
        "mailboxes": list(terms.scope.mailboxes),
        "networks": list(terms.networks),
        "lock": terms.lock.value,
        "locked_to": app_password.locked_to,
        "created": time_text(app_password.created_seconds),
        "expires": time_text(terms.expires_seconds),
        "last_used": "" if use is None else time_text(use.seconds),
        "last_address": "" if use is None else use.address,
        "last_client": "" if use is None else use.client,
        "last_mechanism": "" if use is None else use.mechanism,
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
