"""`pillarbox history ...`: a mailbox as it was at a moment (docs/backup.md).

Must never: change a mailbox that is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.backup.past import Member, Returned, members_at, restore_members
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.moments import moment, moment_iso, moment_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json, say_table, size_text
from pillarbox.clock import SystemClock
from pillarbox.mail.errors import LimitReached, MailboxExists, MailboxMissing, NameInvalid, OverQuota
from pillarbox.mail.names import INBOX
from pillarbox.store.contract import AccountStore

_HERE: Final = Place()
_User = Annotated[str, Parameter(help="Whose mailbox.")]
_Name = Annotated[str, Parameter(help="Which mailbox; also one that was deleted.")]
_At = Annotated[str, Parameter(help='A moment: "2026-11-20 14:30", 2026-11-20, or how long ago: 3h, 2d.')]


def show(*, user: _User, mailbox: _Name, at: _At, json: Json = False, place: Place = _HERE) -> None:
    """Which messages were in a mailbox at a moment."""
    account, at_seconds = account_named(place, user), moment(at)
    members = asyncio.run(_show(place, account, mailbox, at_seconds))
    _warn_of_the_edge(place, at_seconds)
    if json:
        say_json([_told(member) for member in members])
        return
    say_table(
        ("uid", "date", "size", "flags", "since then"),
        [
            (
                member.uid,
                moment_text(member.internal_date.epoch_seconds),
                size_text(member.size_bytes),
                " ".join(sorted(member.flags)),
                "" if member.gone is None else f"{member.gone.how.value} {moment_text(member.gone.gone_seconds)}",
            )
            for member in members
        ],
    )


def restore(
    *,
    user: _User,
    mailbox: _Name,
    at: _At,
    into: Annotated[str, Parameter(help="A mailbox that is not there yet; it is made.")],
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Copy a mailbox as it was into a new one."""
    account, at_seconds = account_named(place, user), moment(at)
    returned, missing = asyncio.run(_restore(place, account, (mailbox, at_seconds), into))
    _warn_of_the_edge(place, at_seconds)
    if json:
        say_json({"mailbox": returned.mailbox, "uids": [*returned.uids], "missing": missing})
        return
    if missing:
        complain(f"note: {missing} messages that had been moved away have been removed for good since")
    say(f"{len(returned.uids)} messages are in {returned.mailbox}")


async def _show(place: Place, account: Account, name: str, at_seconds: int) -> Sequence[Member]:
    async with mail_of(place, account) as mail:
        return await _members(mail, account, name, at_seconds)


async def _restore(place: Place, account: Account, what: tuple[str, int], into: str) -> tuple[Returned, int]:
    async with mail_of(place, account) as mail:
        members = await _members(mail, account, *what)
        try:
            return await restore_members(mail, members, into)
        except MailboxExists as error:
            raise CommandFailed(f'there is a mailbox "{into}" already; name a new one', ExitCode.EXISTS) from error
        except NameInvalid as error:
            raise CommandFailed(f'"{into}" is no name for a mailbox: {error}', ExitCode.USAGE) from error
        except (OverQuota, LimitReached) as error:
            raise CommandFailed(
                f"there is no room for it: {error}; see: pillarbox quota", ExitCode.UNAVAILABLE
            ) from error


async def _members(mail: AccountStore, account: Account, name: str, at_seconds: int) -> Sequence[Member]:
    try:
        return await members_at(mail, INBOX if name.upper() == INBOX else name, at_seconds)
    except MailboxMissing as error:
        raise CommandFailed(
            f'nothing is known of a mailbox "{name}"; see: pillarbox mailbox list --user {account.login_name}, and '
            f"pillarbox undelete --list --user {account.login_name}",
            ExitCode.NO_INPUT,
        ) from error


def _warn_of_the_edge(place: Place, at_seconds: int) -> None:
    store = place.settings().store
    if at_seconds < int(SystemClock().now_seconds()) - store.keep_expunged_seconds:
        complain(
            f"note: what left a mailbox is remembered for {store.keep_expunged_days} days (store.keep_expunged_days); "
            "of earlier moments messages may be missing"
        )


def _told(member: Member) -> dict[str, object]:
    gone = member.gone
    return {
        "uid": member.uid,
        "flags": sorted(member.flags),
        "size_bytes": member.size_bytes,
        "date": moment_iso(member.internal_date.epoch_seconds),
        "saved": moment_iso(member.save_seconds),
        "left": None if gone is None else {"how": gone.how.value, "when": moment_iso(gone.gone_seconds)},
    }
