"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS: who may do what with a mailbox (RFC 4314).

The owner of a mailbox always has all rights, so that nobody locks himself out. Any right may be granted or not, on its
own; `c` and `d` are told and taken as RFC 4314 section 2.1.1 has it. Must never: tell whether an identifier stands for
anybody, or a mailbox is there that may not be known.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.auth.groups import prepare_identifier
from pillarbox.auth.names import LoginNameInvalid
from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import astring
from pillarbox.mail.rights import Rights, RightsInvalid, kept_text, read_rights, told_text
from pillarbox.sharing.acl import NEGATIVE, AclChange
from pillarbox.store.contract import Mailbox


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    given: bytes
    """The identifier as the client spelled it."""
    identifier: str
    change: AclChange = AclChange.REPLACE
    rights: Rights = Rights.NONE


def _parse_name(cursor: Cursor, session: Session) -> str:
    return session.decode_name(cursor.astring())


# deleteacl = "DELETEACL" SP mailbox SP identifier; listrights = "LISTRIGHTS" SP mailbox SP identifier
# identifier = astring
def _parse_identified(cursor: Cursor, session: Session) -> _Entry:
    raw_name = cursor.astring()
    cursor.space()
    raw_identifier = cursor.astring()
    return _Entry(session.decode_name(raw_name), raw_identifier, _identifier(raw_identifier))


# setacl = "SETACL" SP mailbox SP identifier SP mod-rights; mod-rights = astring ; +rights, -rights, or rights
def _parse_setacl(cursor: Cursor, session: Session) -> _Entry:
    entry = _parse_identified(cursor, session)
    cursor.space()
    text = cursor.astring().decode("ascii", "replace")
    change = AclChange(text[0]) if text[:1] in ("+", "-") else AclChange.REPLACE
    try:
        rights = read_rights(text.removeprefix(change.value))
    except RightsInvalid as error:
        raise BadSyntax(str(error)) from error
    return _Entry(entry.name, entry.given, entry.identifier, change, rights)


def _identifier(raw_identifier: bytes) -> str:
    """RFC 4314 section 3: what can't be prepared is BAD."""
    try:
        return prepare_identifier(raw_identifier.decode("utf-8"))
    except (UnicodeDecodeError, LoginNameInvalid):
        raise BadSyntax('An identifier is a login name, "anyone" or "group:" and a name, maybe behind "-"') from None


async def _setacl(session: Session, entry: _Entry) -> Replies:
    mailbox = await session.mail.find(entry.name)
    await session.mail.grant(mailbox.id, entry.identifier, entry.change, entry.rights)
    session.services.events.info(
        "acl.changed",
        login=session.login_name,
        mailbox=mailbox.name,
        identifier=entry.identifier,
        change=entry.change.name.lower(),
        rights=kept_text(entry.rights),
    )
    return
    yield  # makes it a generator


# acl-data = "ACL" SP mailbox *(SP identifier SP rights)
async def _getacl(session: Session, name: str) -> Replies:
    mailbox = await session.mail.find(name)
    acl = await session.mail.acl(mailbox.id)
    entries = [(identifier, rights) for identifier, rights in acl.items()]
    owner = session.mail.owner_name(mailbox.id)
    if owner:
        entries.insert(0, (owner, Rights.ALL))
    told = b"".join(b" %b %b" % (astring(who.encode("utf-8")), _rights(rights)) for who, rights in entries)
    yield b"* ACL %b%b\r\n" % (session.encode_name(mailbox.name), told)


# listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)
async def _listrights(session: Session, entry: _Entry) -> Replies:
    mailbox = await session.mail.find(entry.name)
    await session.mail.acl(mailbox.id)
    owner = session.mail.owner_name(mailbox.id)
    if owner and entry.identifier == owner:
        told = _rights(Rights.ALL)
    elif owner and entry.identifier == NEGATIVE + owner:
        told = b'""'
    else:
        told = b'"" ' + b" ".join(letter.encode("ascii") for letter in told_text(Rights.ALL))
    yield b"* LISTRIGHTS %b %b %b\r\n" % (session.encode_name(mailbox.name), astring(entry.given), told)


async def _myrights(session: Session, name: str) -> Replies:
    mailbox = await session.mail.find(name)
    yield myrights_line(session, mailbox, await session.mail.rights(mailbox.id))


def myrights_line(session: Session, mailbox: Mailbox, rights: Rights) -> bytes:
    """myrights-data = "MYRIGHTS" SP mailbox SP rights"""
    return b"* MYRIGHTS %b %b\r\n" % (session.encode_name(mailbox.name), _rights(rights))


def _rights(rights: Rights) -> bytes:
    return astring(told_text(rights).encode("ascii"))


AREA = Area(
    commands=(
        Command("SETACL", LOGGED_IN, _setacl, "4314 3.1", _parse_setacl),
        Command("DELETEACL", LOGGED_IN, _setacl, "4314 3.2", _parse_identified),
        Command("GETACL", LOGGED_IN, _getacl, "4314 3.3", _parse_name),
        Command("LISTRIGHTS", LOGGED_IN, _listrights, "4314 3.4", _parse_identified),
        Command("MYRIGHTS", LOGGED_IN, _myrights, "4314 3.5", _parse_name),
    ),
    capabilities=(
        Capability("ACL", "4314", LOGGED_IN),
        Capability("RIGHTS=texk", "4314", LOGGED_IN),
    ),
)
