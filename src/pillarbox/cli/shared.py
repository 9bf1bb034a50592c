"""`pillarbox shared ...`: mailboxes that belong to nobody, seen as `Shared Folders/...` (docs/sharing.md)."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from pillarbox.cli.acl import RightsText, Who
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.cli.sharing import owners_mail, say_acls, set_rights
from pillarbox.cli.speech import Json, say
from pillarbox.mail.names import INBOX, canonical_name
from pillarbox.sharing.acl import Acl
from pillarbox.sharing.administration import shared_mailboxes
from pillarbox.sharing.neighbours import SHARED_ACCOUNT
from pillarbox.sharing.person import is_own

_HERE = Place()


def create(mailbox: str, /, *, place: Place = _HERE) -> None:
    """Make a shared mailbox; nobody sees it before `grant`."""
    place.check()

    async def work() -> str:
        async with owners_mail(place, SHARED_ACCOUNT, "") as mail:
            return (await mail.create(canonical_name(mailbox))).name

    say(f"made {asyncio.run(work())}; next: pillarbox shared grant {mailbox} anyone lrs")


def grant(mailbox: str, who: Who, rights: RightsText, /, *, place: Place = _HERE) -> None:
    """Say what somebody may do with a shared mailbox."""
    place.check()
    say(f"{who} has the rights {set_rights(place, SHARED_ACCOUNT, '', mailbox, who, rights)} to {mailbox}")


def list_shared(*, json: Json = False, place: Place = _HERE) -> None:
    """All shared mailboxes, and who may do what with them."""
    place.check()

    async def work() -> dict[str, Acl]:
        async with owners_mail(place, SHARED_ACCOUNT, "") as mail:
            names = [mailbox.name for mailbox in await mail.mailboxes() if is_own(mailbox.id)]
            shared = await shared_mailboxes(mail)
            return {name: shared.get(name, {}) for name in names if name != INBOX}

    say_acls(asyncio.run(work()), json)


def remove(
    mailbox: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Don't ask.")] = False,
    place: Place = _HERE,
) -> None:
    """Remove a shared mailbox and all mail in it. Asks first."""
    place.check()
    if not yes:
        if not sys.stdin.isatty():
            raise CommandFailed("removing takes all mail in it along; say --yes", ExitCode.USAGE)
        if input(f"Remove {mailbox} and all mail in it? Type its name: ") != mailbox:
            raise CommandFailed("nothing was removed", ExitCode.USAGE)

    async def work() -> None:
        async with owners_mail(place, SHARED_ACCOUNT, "") as mail:
            await mail.delete(canonical_name(mailbox))

    asyncio.run(work())
    say(f"removed {mailbox}")
