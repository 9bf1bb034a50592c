"""`pillarbox acl ...`: who may do what with somebody's mailboxes (docs/sharing.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.groups import AccountNeighbours
from pillarbox.cli.household import account_named, accounts
from pillarbox.cli.place import Place
from pillarbox.cli.sharing import all_mail, owners_mail, say_acls, set_rights
from pillarbox.cli.speech import Json, say
from pillarbox.mail.names import canonical_name
from pillarbox.sharing.acl import Acl
from pillarbox.sharing.administration import shared_mailboxes
from pillarbox.sharing.neighbours import SHARED_ACCOUNT
from pillarbox.store.contract import NOTHING_MORE, AccountId, NewAccount

User = Annotated[str, Parameter(help="Whose mailbox.")]
Who = Annotated[str, Parameter(help="A login name, anyone, or group: and a name; a - before it takes rights away.")]
RightsText = Annotated[
    str, Parameter(help="Letters of lrswipkxtea, or none; with + before them they are added, with - taken.")
]
_HERE = Place()


def set_acl(mailbox: str, who: Who, rights: RightsText, /, *, user: User, place: Place = _HERE) -> None:
    """Say what somebody may do with a mailbox."""
    owner = account_named(place, user)
    now = set_rights(place, owner.id, owner.login_name, mailbox, who, rights)
    say(f"{who} has the rights {now} to {mailbox} of {owner.login_name}")


def get_acl(mailbox: str, /, *, user: User, json: Json = False, place: Place = _HERE) -> None:
    """Who may do what with a mailbox."""
    owner = account_named(place, user)

    async def work() -> dict[str, Acl]:
        async with owners_mail(place, owner.id, owner.login_name) as mail:
            found = await mail.find(canonical_name(mailbox))
            return {found.name: await mail.acl(found.id)}

    say_acls(asyncio.run(work()), json)


def list_acls(*, user: User, json: Json = False, place: Place = _HERE) -> None:
    """All mailboxes of an account that are shared."""
    owner = account_named(place, user)

    async def work() -> dict[str, Acl]:
        async with owners_mail(place, owner.id, owner.login_name) as mail:
            return await shared_mailboxes(mail)

    say_acls(asyncio.run(work()), json)


def rebuild(*, place: Place = _HERE) -> None:
    """Find out anew who shares with whom."""
    place.check()

    with accounts(place) as directory:
        people = [account.id for account in directory.accounts()]
        shared = asyncio.run(_identifiers(place, [SHARED_ACCOUNT], NOTHING_MORE))
        found = asyncio.run(_identifiers(place, people, None)) | shared
        neighbours = AccountNeighbours(directory)
        for owner, identifiers in found.items():
            neighbours.note_now(owner, sorted(identifiers))
        neighbours.close()
    say(f"{sum(map(len, found.values()))} noted")


async def _identifiers(
    place: Place, owners: Sequence[AccountId], new_account: NewAccount | None
) -> dict[AccountId, set[str]]:
    """With whom they share anything."""
    found = {}
    async with all_mail(place, new_account) as store:
        for owner in owners:
            account = await store.open(owner)
            acls = await shared_mailboxes(account)
            await account.close()
            found[owner] = {who for acl in acls.values() for who in acl}
    return found
