"""CAPABILITY, NOOP, LOGOUT, ID, ENABLE, CHECK: about the talk itself (RFC 9051 section 6.1, 6.3.1; RFC 2971)."""

from __future__ import annotations

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import ANY_STATE, LOGGED_IN, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor


async def _capability(session: Session, _: None) -> Replies:
    yield b"* CAPABILITY %b\r\n" % session.offer.capabilities(session)


async def _nothing(session: Session, _: None) -> Replies:
    """NOOP and CHECK: the updates that follow every command are all there is to do."""
    return
    yield  # makes it a generator


async def _logout(session: Session, _: None) -> Replies:
    session.close_view()
    session.leaving = True
    yield b"* BYE Logging out\r\n"


# id-params-list = "(" [string SP nstring *(SP string SP nstring)] ")" / nil        (RFC 2971 section 4)
def _parse_id(cursor: Cursor, session: Session) -> dict[str, str]:
    fields: dict[str, str] = {}
    if not cursor.skip(b"("):
        if cursor.nstring() is not None:
            raise BadSyntax("ID takes a list or NIL")
        return fields
    while not cursor.skip(b")"):
        if fields:
            cursor.space()
        name = cursor.string()
        cursor.space()
        value = cursor.nstring() or b""
        if len(name) > 30 or len(value) > 1024 or len(fields) >= session.services.limits.id_fields:
            raise BadSyntax("An ID list has 30 fields of 30 and 1024 bytes at most")
        fields[name.decode("ascii", "replace").lower()] = value.decode("utf-8", "replace")
    return fields


async def _id(session: Session, fields: dict[str, str]) -> Replies:
    name, version = fields.get("name", ""), fields.get("version", "")
    if name:
        session.name_client(f"{name} {version}".strip())
        session.services.events.info(
            "client.id", name=name[:100], version=version[:100], address=session.address, account=session.login_name
        )
    yield b'* ID ("name" "Pillarbox")\r\n'


# enable = "ENABLE" 1*(SP capability)
def _parse_enable(cursor: Cursor, session: Session) -> list[str]:
    names = [cursor.atom().decode("ascii").upper()]
    while not cursor.at_end() and cursor.skip(b" "):
        names.append(cursor.atom().decode("ascii").upper())
        if len(names) > session.services.limits.list_items:
            raise BadSyntax("Too many names")
    return names


async def _enable(session: Session, names: list[str]) -> Replies:
    """RFC 5161 section 3.1: what is not known is passed over, and ENABLED is always sent."""
    known = [feature for name in dict.fromkeys(names) if (feature := session.offer.feature(name))]
    session.features.update(implied for feature in known for implied in feature.implied)
    enabled = b"".join(b" " + feature.value.encode("ascii") for feature in known)
    yield b"* ENABLED%b\r\n" % enabled


AREA = Area(
    commands=(
        Command("CAPABILITY", ANY_STATE, _capability, "9051 6.1.1"),
        Command("NOOP", ANY_STATE, _nothing, "9051 6.1.2"),
        Command("LOGOUT", ANY_STATE, _logout, "9051 6.1.3"),
        Command("ID", ANY_STATE, _id, "2971 3.1", _parse_id),
        Command("ENABLE", State.AUTHENTICATED, _enable, "5161 3.1", _parse_enable),
        Command("CHECK", State.SELECTED, _nothing, "3501 6.4.1"),
    ),
    capabilities=(
        Capability("IMAP4rev2", "9051"),
        Capability("IMAP4rev1", "3501"),
        Capability("LITERAL+", "7888"),
        Capability("ENABLE", "5161"),
        Capability("ID", "2971"),
        Capability("INPROGRESS", "9585", LOGGED_IN),
        Capability("UTF8=ACCEPT", "9755", LOGGED_IN),
    ),
    features=(Feature.IMAP4REV2, Feature.UTF8_ACCEPT),
)
