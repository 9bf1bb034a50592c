"""STATUS and NAMESPACE (RFC 9051 section 6.3.11, 6.3.10; STATUS=SIZE: RFC 8438; APPENDLIMIT: RFC 7889)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.features import Feature
from pillarbox.imap.object_ids import mailbox_object_id
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string, utf8_quoted
from pillarbox.mail.names import SEPARATOR
from pillarbox.mail.utf7 import encode_utf7
from pillarbox.store.contract import Mailbox, MailboxStatus


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a status item may look at."""

    session: Session
    mailbox: Mailbox
    status: MailboxStatus


STATUS_ITEMS: Final[Mapping[str, Callable[[_Asked], int | str]]] = {
    "MESSAGES": lambda asked: asked.status.messages,
    "RECENT": lambda asked: asked.status.recent,
    "UIDNEXT": lambda asked: asked.status.uidnext,
    "UIDVALIDITY": lambda asked: asked.status.uidvalidity,
    "UNSEEN": lambda asked: asked.status.unseen,
    "DELETED": lambda asked: asked.status.deleted,
    "DELETED-STORAGE": lambda asked: asked.status.deleted_bytes,
    "SIZE": lambda asked: asked.status.size_bytes,
    "HIGHESTMODSEQ": lambda asked: asked.status.highest_modseq,
    "APPENDLIMIT": lambda asked: asked.session.services.store.limits.max_message_bytes,
    "MAILBOXID": lambda asked: f"({mailbox_object_id(*asked.session.mail.origin(asked.mailbox.id))})",
}
"""The open table of STATUS items: adding one is a row."""


# "(" status-att *(SP status-att) ")"
def parse_status_items(cursor: Cursor, session: Session) -> Sequence[str]:
    """The items asked for, in order, once each. Asking for HIGHESTMODSEQ enables CONDSTORE (RFC 7162 section 3.1)."""
    cursor.expect(b"(")
    items: dict[str, None] = {}
    while True:
        item = cursor.word()
        if item not in STATUS_ITEMS:
            raise BadSyntax("Unknown status item")
        items[item] = None
        if cursor.skip(b")"):
            break
        cursor.space()
    if "HIGHESTMODSEQ" in items:
        session.features.add(Feature.CONDSTORE)
    return list(items)


async def status_line(session: Session, mailbox: Mailbox, items: Sequence[str]) -> bytes:
    """The untagged STATUS response of one mailbox. Raises MailboxMissing."""
    asked = _Asked(session, mailbox, await session.mail.status(mailbox.id))
    values = " ".join(f"{item} {STATUS_ITEMS[item](asked)}" for item in items)
    return b"* STATUS %b (%b)\r\n" % (session.encode_name(mailbox.name), values.encode("ascii"))


def _parse(cursor: Cursor, session: Session) -> tuple[str, Sequence[str]]:
    name = session.decode_name(cursor.astring())
    cursor.space()
    return name, parse_status_items(cursor, session)


async def _status(session: Session, arguments: tuple[str, Sequence[str]]) -> Replies:
    name, items = arguments
    yield await status_line(session, await session.mail.find(name), items)


async def _namespace(session: Session, _: None) -> Replies:
    yield namespaces(session)


def namespaces(session: Session) -> bytes:
    """RFC 2342 section 5: the own mailboxes, other people's, and those that belong to nobody."""
    sharing = session.services.sharing
    others, shared = _below(session, sharing.other_users), _below(session, sharing.shared_folders)
    return b'* NAMESPACE (("" "/")) %b %b\r\n' % (others, shared)


def _below(session: Session, name: str) -> bytes:
    """Namespace = nil / "(" 1*( "(" string SP  (<"> QUOTED_CHAR <"> / nil) ")" ) ")" """
    if not name:
        return b"NIL"
    prefix = name + SEPARATOR
    return b'((%b "/"))' % (utf8_quoted(prefix) if session.utf8 else string(encode_utf7(prefix)))


def _appendlimit(session: Session) -> str:
    return f"APPENDLIMIT={session.services.store.limits.max_message_bytes}"


AREA = Area(
    commands=(
        Command("STATUS", LOGGED_IN, _status, "9051 6.3.11", _parse),
        Command("NAMESPACE", LOGGED_IN, _namespace, "2342 5"),
    ),
    capabilities=(
        Capability("NAMESPACE", "2342", LOGGED_IN),
        Capability("STATUS=SIZE", "8438", LOGGED_IN),
        Capability("SAVEDATE", "8514", LOGGED_IN),
        Capability("APPENDLIMIT", "7889", LOGGED_IN, _appendlimit),
    ),
)
