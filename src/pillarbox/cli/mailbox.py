"""`pillarbox mailbox ...`.

Must never: change mail.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say_json, say_table, size_text
from pillarbox.store.contract import Mailbox, MailboxStatus


def list_mailboxes(
    *,
    user: Annotated[str, Parameter(help="Whose mailboxes.")],
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """The mailboxes of an account, with how much is in them."""
    account = account_named(place, user)
    rows = asyncio.run(_statuses(place, account))
    if json:
        say_json(
            [
                {
                    "name": mailbox.name,
                    "messages": status.messages,
                    "unseen": status.unseen,
                    "size_bytes": status.size_bytes,
                    "uidvalidity": status.uidvalidity,
                    "uidnext": status.uidnext,
                    "special_use": sorted(mailbox.special_use),
                    "subscribed": is_subscribed,
                }
                for mailbox, status, is_subscribed in rows
            ]
        )
        return
    say_table(
        ("mailbox", "messages", "unseen", "size", "subscribed"),
        [
            (mailbox.name, status.messages, status.unseen, size_text(status.size_bytes), is_subscribed)
            for mailbox, status, is_subscribed in rows
        ],
    )


async def _statuses(place: Place, account: Account) -> list[tuple[Mailbox, MailboxStatus, bool]]:
    async with mail_of(place, account) as mail:
        subscribed = await mail.subscriptions()
        return [
            (mailbox, await mail.status(mailbox.id), mailbox.name in subscribed) for mailbox in await mail.mailboxes()
        ]
