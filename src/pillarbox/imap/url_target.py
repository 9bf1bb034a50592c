"""What an IMAP URL points to: the octets of a message or of a part of one (RFC 5092 section 6, RFC 4469 section 3).

Must never: decide who may see it; set \\Seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.commands.fetch_batch import Slice
from pillarbox.imap.commands.fetch_sections import BodySection, FieldsSection, parse_body
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.session import Session
from pillarbox.imap.urls import MessageUrl
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import RawCommand
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.names import canonical_name
from pillarbox.mime.fields import field_selector
from pillarbox.mime.parts import PartMap, SectionText
from pillarbox.store.contract import AccountStore, Content, DigestField


class NothingThere(Exception):
    """The URL points to nothing that there is (now)."""


class _Made:
    """Octets that stand nowhere in the message in one piece: chosen header fields. A contract.Content."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes = len(data)

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def whole(self) -> bytes:
        return self._data


@dataclass(frozen=True, slots=True)
class Target:
    """What was found."""

    message: Content
    parts: bytes
    """For PartMap.unpack()."""
    section: BodySection | FieldsSection
    octets: Slice
    """As in FETCH BODY[section]<partial>."""
    url: MessageUrl

    @property
    def body_part(self) -> tuple[int, ...] | None:
        """The number of the part, `()` for the whole message; None for HEADER, TEXT and MIME, which are none."""
        is_part = isinstance(self.section, BodySection) and self.section.text is SectionText.WHOLE
        return self.section.path if is_part else None


def host_is_ours(session: Session, url: MessageUrl) -> bool:
    """Whether the URL may mean this server."""
    hosts = session.services.limits.url_hosts
    return not hosts or url.host.rpartition(":")[0] in hosts or url.host in hosts


async def find_target(session: Session, account: AccountStore, url: MessageUrl) -> Target:
    """What `url` names in `account`. Raises NothingThere, and MailError when the store can't say now."""
    section = _parse_section(session, url.section)
    try:
        mailbox = await account.find(canonical_name(url.mailbox))
        if url.uidvalidity not in (None, mailbox.uidvalidity):
            raise NothingThere
        (content,) = await account.contents(mailbox.id, [url.uid])
        (digests,) = await account.digests(mailbox.id, [url.uid], (DigestField.PARTS, DigestField.HEADER))
    except MailboxMissing as missing:
        raise NothingThere from missing
    if content is None or digests is None:
        raise NothingThere
    whole = _octets(section, content, PartMap.unpack(digests[0]), digests[1])
    start = min(whole.start + url.first, whole.end)
    end = whole.end if url.count is None else min(start + url.count, whole.end)
    return Target(content, digests[0], section, Slice(whole.content, start, end), url)


def _octets(section: BodySection | FieldsSection, content: Content, parts: PartMap, header: bytes) -> Slice:
    if isinstance(section, BodySection):
        span = parts.locate(section.path, section.text)
        if span is None:
            raise NothingThere
        return Slice(content, span.start, span.end)
    if section.path:
        span = parts.locate(section.path, SectionText.HEADER)
        if span is None:
            raise NothingThere
        header = content.read(span.start, span.end)
    chosen = field_selector(section.names, section.choice)(header)
    return Slice(_Made(chosen), 0, len(chosen))


def _parse_section(session: Session, section: str) -> BodySection | FieldsSection:
    """enc-section, decoded: section-spec of RFC 9051 section 9."""
    cursor = Cursor(RawCommand((b"[%b]" % section.encode("utf-8"),)))
    try:
        found = parse_body(cursor, session, peek=True)
        cursor.end()
    except BadSyntax as error:
        raise NothingThere from error
    return found
