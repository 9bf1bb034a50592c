"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208): what an account may keep.

Each account has one quota root, `user/<login name>`, for all of its mailboxes. Mailboxes of others have no root that is
told: how full their owners are is nobody else's business (section 8). Administrators see and set the roots of all.

Must never: tell a root that is not there from one that is somebody else's; decide what is full (store/quota.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import astring
from pillarbox.mail.errors import MailboxMissing, MailError
from pillarbox.sharing.person import is_own
from pillarbox.store.contract import AccountStore, Mailbox, Quota
from pillarbox.store.quota import RESOURCES, properties_of

_ROOT_PREFIX: Final = "user/"
_MOST_RESOURCES: Final = 20
"""Of one SETQUOTA; four are registered."""


@dataclass(frozen=True, slots=True)
class _Limits:
    root: str
    limits: dict[str, int]


# quota-root-name = astring
def _parse_root(cursor: Cursor, session: Session) -> str:
    return cursor.astring().decode("utf-8", "replace")


def _parse_mailbox(cursor: Cursor, session: Session) -> str:
    return session.decode_name(cursor.astring())


# setquota = "SETQUOTA" SP quota-root-name SP setquota-list
# setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"; setquota-resource = resource-name SP number64
def _parse_setquota(cursor: Cursor, session: Session) -> _Limits:
    root = _parse_root(cursor, session)
    cursor.space()
    cursor.expect(b"(")
    limits: dict[str, int] = {}
    while not cursor.skip(b")"):
        if limits:
            cursor.space()
        resource = cursor.atom().decode("ascii").upper()
        cursor.space()
        limits[resource] = cursor.number64()
        if len(limits) > _MOST_RESOURCES:
            raise BadSyntax("Too many resources")
    return _Limits(root, limits)


async def _getquota(session: Session, root: str) -> Replies:
    async with _kept_for(session, root) as account:
        yield _quota_line(root, await account.quota())


async def _getquotaroot(session: Session, name: str) -> Replies:
    """Section 4.1.2: also for a mailbox that is not there."""
    try:
        is_others = not is_own((await session.mail.find(name)).id)
    except MailboxMissing:
        is_others = False
    if is_others:
        yield b"* QUOTAROOT %b\r\n" % session.encode_name(name)
        return
    root = _own_root(session)
    yield b"* QUOTAROOT %b %b\r\n" % (session.encode_name(name), _told_root(root))
    yield _quota_line(root, await session.mail.quota())


async def _setquota(session: Session, asked: _Limits) -> Replies:
    if not session.administers:
        raise Refused("Only an administrator of this server can set quotas", "NOPERM")
    if unknown := sorted(set(asked.limits).difference(RESOURCES)):
        raise Refused(f"{unknown[0]} is not limited here; {', '.join(RESOURCES)} are", "CANNOT")
    async with _kept_for(session, asked.root) as account:
        await account.set_properties(None, properties_of(asked.limits))
        yield _quota_line(asked.root, await account.quota())


async def soft_warning(session: Session, mailbox: Mailbox) -> bytes:
    """resp-text-code =/ "OVERQUOTA" in an untagged NO (section 4.3.1), to send with the answer to a command that added
    messages to a mailbox of the client's own, when the account is nearly full; else nothing."""
    if not is_own(mailbox.id):
        return b""
    try:
        full = (await session.mail.quota()).nearly_full(session.services.store.limits.quota.warn_percent)
    except MailError:  # what was asked for is done all the same
        return b""
    return b"* NO [OVERQUOTA] Nearly full: %b\r\n" % ", ".join(full).encode("ascii") if full else b""


def _own_root(session: Session) -> str:
    return _ROOT_PREFIX + session.login_name


def _told_root(root: str) -> bytes:
    return astring(root.encode("utf-8"))


# quota-response = "QUOTA" SP quota-root-name SP quota-list; without limits the list is empty (section 4.2.1)
def _quota_line(root: str, quota: Quota) -> bytes:
    limited = [resource for resource in RESOURCES if resource in quota.limits]
    triplets = " ".join(f"{resource} {quota.usage.of(resource)} {quota.limits[resource]}" for resource in limited)
    return b"* QUOTA %b (%b)\r\n" % (_told_root(root), triplets.encode("ascii"))


@asynccontextmanager
async def _kept_for(session: Session, root: str) -> AsyncIterator[AccountStore]:
    """The account of a quota root that the client may know of. Raises Refused."""
    if root == _own_root(session):
        yield session.mail
        return
    administration = session.services.administration
    account = None
    if root.startswith(_ROOT_PREFIX) and session.administers:
        account = administration.account_of(root.removeprefix(_ROOT_PREFIX))
    if account is None:
        raise Refused("There is no such quota root; GETQUOTAROOT INBOX tells yours", "NONEXISTENT")
    opened = await session.services.store.open(account)
    try:
        yield opened
    finally:
        await opened.close()


AREA = Area(
    commands=(
        Command("GETQUOTA", LOGGED_IN, _getquota, "9208 4.1.1", _parse_root),
        Command("GETQUOTAROOT", LOGGED_IN, _getquotaroot, "9208 4.1.2", _parse_mailbox),
        Command("SETQUOTA", LOGGED_IN, _setquota, "9208 4.1.3", _parse_setquota),
    ),
    capabilities=(
        Capability("QUOTA", "9208", LOGGED_IN),
        Capability("QUOTASET", "9208", LOGGED_IN),
        *(Capability(f"QUOTA=RES-{resource}", "9208", LOGGED_IN) for resource in RESOURCES),
    ),
)
