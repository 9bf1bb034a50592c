"""Annotations of mailboxes and of the server (RFC 5464): their names, and where each is kept.

An entry is a property of the mailbox or account that it belongs to, `metadata` and its name in lower case:
`metadata/private/comment`, `metadata/shared/comment`. Of somebody else's mailbox, private entries are kept for each
reader apart, `metadata/of/<account>/comment`. The server's shared entries are one for all, kept with the account
that belongs to nobody; its private ones with the account of whom they belong to.

Must never: show anybody what another keeps in private; decide who may do what with a mailbox (sharing does).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from pillarbox.mail.specialuse import SPECIAL_USE_BY_LOWER
from pillarbox.sharing.confined import PersonsMail
from pillarbox.sharing.neighbours import SHARED_ACCOUNT
from pillarbox.sharing.person import is_own
from pillarbox.store.contract import AccountId, AccountStore, Mailbox, Store

PREFIX: Final = "metadata/"
PRIVATE: Final = "/private/"
SHARED: Final = "/shared/"
ADMIN: Final = "/shared/admin"
"""Of the server: a URI; nobody sets it over IMAP (section 3.2.1.1)."""
SPECIAL_USE: Final = "/private/specialuse"
"""Of a mailbox: what LIST tells of it (RFC 6154 section 4)."""
_OF: Final = PREFIX + "of/"

# Section 3.2: components divided by "/", none of them empty; no "*", no "%", nothing outside of 0x1a to 0x7f
_NAME: Final = re.compile(rb"(?:/[^\x00-\x19/*%\x80-\xff]+)+")
_VENDOR: Final = re.compile(r"/(?:private|shared)/vendor(?:/[^/]+)?")


def entry_name(raw: bytes) -> str | None:
    """An entry as it is kept (names are the same in any case), or None when it can't be one."""
    name = raw.decode("ascii").lower() if _NAME.fullmatch(raw) else ""
    return name if (name + "/").startswith((PRIVATE, SHARED)) else None


def can_hold_value(entry: str) -> bool:
    """Whether it has components enough: two, below `vendor` four (section 3.2)."""
    return entry.startswith((PRIVATE, SHARED)) and not _VENDOR.fullmatch(entry)


def property_of(entry: str, reader: AccountId | None = None) -> str:
    """Where an entry is kept; `reader` is whose private entry it is when the mailbox is not their own."""
    if reader is not None and entry.startswith(PRIVATE):
        return f"{_OF}{reader}/{entry.removeprefix(PRIVATE)}"
    return PREFIX.rstrip("/") + entry


def entries_of(properties: Mapping[str, bytes], reader: AccountId | None = None) -> dict[str, bytes]:
    """The entries that properties stand for, as far as they may be seen."""
    mine = property_of(PRIVATE, reader)
    shared = property_of(SHARED)
    found: dict[str, bytes] = {}
    for name, value in properties.items():
        if name.startswith(mine):
            found[PRIVATE + name.removeprefix(mine)] = value
        elif name.startswith(shared):
            found[SHARED + name.removeprefix(shared)] = value
    return found


def reader_of(mail: PersonsMail, mailbox: Mailbox) -> AccountId | None:
    """Under whose id private entries of a mailbox are kept; None for the owner's own."""
    return None if is_own(mailbox.id) else mail.account


def special_use_value(mailbox: Mailbox) -> bytes:
    """As LIST tells it; empty for none."""
    return " ".join(sorted(mailbox.special_use)).encode("ascii")


def read_special_use(value: bytes | None) -> frozenset[str] | None:
    """The uses that a value of /private/specialuse names; None when one of them is not known."""
    words = (value or b"").decode("latin-1").lower().split()
    if not all(word in SPECIAL_USE_BY_LOWER for word in words):
        return None
    return frozenset(SPECIAL_USE_BY_LOWER[word] for word in words)


@asynccontextmanager
async def server_account(store: Store) -> AsyncIterator[AccountStore]:
    """Where the server's shared entries are kept."""
    opened = await store.open(SHARED_ACCOUNT)
    try:
        yield opened
    finally:
        await opened.close()


async def mailbox_entries(mail: PersonsMail, mailbox: Mailbox) -> dict[str, bytes]:
    """All entries of a mailbox that its reader may see. Raises MailboxMissing, NoPermission."""
    entries = entries_of(await mail.properties(mailbox.id, PREFIX), reader_of(mail, mailbox))
    entries.pop(SPECIAL_USE, None)
    if mailbox.special_use:
        entries[SPECIAL_USE] = special_use_value(mailbox)
    return entries


async def server_entries(mail: PersonsMail, store: Store, admin_contact: str) -> dict[str, bytes]:
    """All entries of the server that somebody may see: shared ones, and the own private ones."""
    async with server_account(store) as account:
        entries = entries_of(await account.properties(None, property_of(SHARED)))
    entries |= entries_of(await mail.properties(None, property_of(PRIVATE)))
    entries.pop(ADMIN, None)
    return entries | ({ADMIN: admin_contact.encode("utf-8")} if admin_contact else {})
