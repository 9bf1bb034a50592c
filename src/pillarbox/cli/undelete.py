"""`pillarbox undelete` and `pillarbox expunged purge`: expunged mail comes back, or goes for good (docs/backup.md).

Must never: bring back what was not asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.backup.past import Returned, contents_of, expunged, put_back
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts, everybodys_mail, mail_of
from pillarbox.cli.moments import moment, moment_iso, moment_text, seconds_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table, size_text
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.mail.errors import LimitReached, MailboxMissing, NameInvalid, OverQuota
from pillarbox.mail.names import INBOX
from pillarbox.mime.fields import field_values
from pillarbox.mime.message_ids import message_ids
from pillarbox.mime.text import decode_header_text
from pillarbox.store.contract import AccountStore, Content, Departed

_HERE: Final = Place()
_HEAD_BYTES: Final = 64 * 1024
"""Of a message, looked at for its Subject and Message-ID."""


@dataclass(frozen=True, slots=True)
class _Found:
    message: Departed
    subject: str
    sender: str
    message_id: str


def undelete(
    *,
    user: Annotated[str, Parameter(help="Whose mail.")],
    mailbox: Annotated[str | None, Parameter(help="Only what was in this mailbox, perhaps deleted since.")] = None,
    since: Annotated[str | None, Parameter(help="Only what was expunged since: 2d, 2026-11-20, ...")] = None,
    uid: Annotated[tuple[int, ...], Parameter(help="Only this UID (needs --mailbox); may be repeated.")] = (),
    message_id: Annotated[tuple[str, ...], Parameter(help="Only this Message-ID; may be repeated.")] = (),
    into: Annotated[str | None, Parameter(help="Put all of it into this mailbox instead.")] = None,
    list: Annotated[bool, Parameter(negative="", help="Only show what there is.")] = False,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """List expunged mail, or put it back."""
    if uid and mailbox is None:
        raise CommandFailed("a UID counts within a mailbox: name it with --mailbox", ExitCode.USAGE)
    if not (list or mailbox or since or message_id):
        raise CommandFailed(
            "say what is to come back: --mailbox, --since or --message-id; --list shows what there is", ExitCode.USAGE
        )
    account = account_named(place, user)
    since_seconds = 0 if since is None else moment(since)
    name = INBOX if mailbox is not None and mailbox.upper() == INBOX else mailbox
    wanted = frozenset(each.strip().strip("<>") for each in message_id)
    if list:
        found = asyncio.run(_list(place, account, since_seconds, name))
        _tell_list([each for each in found if _chosen(each, uid, wanted)], json)
    else:
        _tell_returned(asyncio.run(_undelete(place, account, (since_seconds, name), (uid, wanted), into)), json)


def purge(
    *,
    user: Annotated[str | None, Parameter(help="Of this account only.")] = None,
    older_than: Annotated[str | None, Parameter(help="Such as 3d; 0d is all. Default: what the setting says.")] = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Remove expunged mail for good."""
    if user is None:
        place.check()
        with accounts(place) as directory:
            everybody = [*directory.accounts()]
    else:
        everybody = [account_named(place, user)]
    kept_seconds = place.settings().store.keep_expunged_seconds if older_than is None else seconds_of(older_than)
    before = int(SystemClock().now_seconds()) - kept_seconds + (1 if kept_seconds == 0 else 0)
    count = asyncio.run(_purge(place, everybody, before))
    witness(place).info("mail.purged", login=user or "everybody", messages=count)
    if json:
        say_json({"messages": count})
    else:
        say(f"forgot {count} messages that had left their mailbox")


async def _list(place: Place, account: Account, since_seconds: int, mailbox: str | None) -> list[_Found]:
    async with mail_of(place, account) as mail:
        return await _found(mail, since_seconds, mailbox)


async def _found(mail: AccountStore, since_seconds: int, mailbox: str | None) -> list[_Found]:
    messages = await expunged(mail, since_seconds, mailbox)
    found: list[_Found] = []
    for start in range(0, len(messages), 100):
        batch = messages[start : start + 100]
        contents = await contents_of(mail, batch)
        found += [_read(message, content) for message, content in zip(batch, contents, strict=True)]
    return found


async def _undelete(
    place: Place,
    account: Account,
    where: tuple[int, str | None],
    which: tuple[tuple[int, ...], frozenset[str]],
    into: str | None,
) -> Sequence[Returned]:
    uids, ids = which
    async with mail_of(place, account) as mail:
        if ids:
            chosen = [each.message for each in await _found(mail, *where) if _chosen(each, uids, ids)]
        else:
            chosen = [each for each in await expunged(mail, *where) if not uids or each.uid in uids]
        if not chosen:
            raise CommandFailed(
                f"there is no such expunged mail of {account.login_name}; see: "
                f"pillarbox undelete --list --user {account.login_name}",
                ExitCode.NO_INPUT,
            )
        try:
            return await put_back(mail, chosen, into)
        except (OverQuota, LimitReached) as error:
            raise CommandFailed(
                f"there is no room for it: {error}; see: pillarbox quota", ExitCode.UNAVAILABLE
            ) from error
        except (NameInvalid, MailboxMissing) as error:
            raise CommandFailed(f"that mailbox can't take it: {error}", ExitCode.USAGE) from error


async def _purge(place: Place, everybody: Sequence[Account], before_seconds: int) -> int:
    count = 0
    async with everybodys_mail(place) as store:
        for account in everybody:
            opened = await store.open(account.id)
            try:
                count += await opened.purge_departed(before_seconds)
            finally:
                await opened.close()
    return count


def _read(message: Departed, content: Content | None) -> _Found:
    head = b"" if content is None else content.read(0, min(content.size_bytes, _HEAD_BYTES))
    head = head.partition(b"\r\n\r\n")[0] + b"\r\n"
    subject, sender, ids = (b" ".join(field_values(head, name)) for name in (b"subject", b"from", b"message-id"))
    known = message_ids(ids)
    return _Found(
        message,
        decode_header_text(subject),
        decode_header_text(sender),
        known[0].decode("utf-8", "replace") if known else "",
    )


def _chosen(found: _Found, uids: Sequence[int], ids: frozenset[str]) -> bool:
    return (not uids or found.message.uid in uids) and (not ids or found.message_id in ids)


def _tell_list(found: Sequence[_Found], json: bool) -> None:
    if json:
        say_json(
            [
                {
                    "mailbox": each.message.mailbox_name,
                    "uid": each.message.uid,
                    "expunged": moment_iso(each.message.gone_seconds),
                    "flags": sorted(each.message.flags.names),
                    "size_bytes": each.message.size_bytes,
                    "subject": each.subject,
                    "from": each.sender,
                    "message_id": each.message_id,
                }
                for each in found
            ]
        )
        return
    say_table(
        ("mailbox", "uid", "expunged", "size", "from", "subject"),
        [
            (
                each.message.mailbox_name,
                each.message.uid,
                moment_text(each.message.gone_seconds),
                size_text(each.message.size_bytes),
                each.sender,
                each.subject,
            )
            for each in found
        ],
    )


def _tell_returned(returned: Sequence[Returned], json: bool) -> None:
    if json:
        say_json([{"mailbox": each.mailbox, "made": each.made, "uids": [*each.uids]} for each in returned])
        return
    for each in returned:
        made = ", which was made anew" if each.made else ""
        say(f"{len(each.uids)} messages are back in {each.mailbox}{made}")
