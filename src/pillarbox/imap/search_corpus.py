"""A client's open mailbox as the corpus of a search: columns from the image, texts from the store through MIME.

Row i is the message that the client numbers i + 1, whatever happened in the mailbox since. RFC 9051 section
6.4.4: transfer encodings, charsets and encoded words are decoded before anything is compared.

Must never: change the view, or hold more than what it was asked for last.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator, Sequence
from typing import Final

from pillarbox.imap.view import View
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import NO_FLAGS
from pillarbox.mail.uids import UidSet
from pillarbox.mime.addresses import read_addresses
from pillarbox.mime.dates import sent_date
from pillarbox.mime.fields import field_values
from pillarbox.mime.parts import PartMap, SectionText, Span
from pillarbox.mime.text import decode_header_text, part_text
from pillarbox.search.corpus import BodyTexts, Columns, HeaderTexts
from pillarbox.store.contract import AccountStore, Content, DigestField

_MOST_ADDRESSES: Final = 1_000
"""Of one field, that are looked at one by one; the field's text is searched whole."""

_SEARCHED_TYPES: Final = ("text", "message")
"""RFC 9051 section 6.4.4: other kinds of parts may be left out."""


class ViewCorpus:
    """See search.corpus.Corpus. Good for one search."""

    def __init__(self, view: View, account: AccountStore, saved: UidSet, now_seconds: int) -> None:
        self._account = account
        self._mailbox = view.image.mailbox.id
        self.columns = _columns(view, saved, now_seconds)

    async def headers(self, rows: Sequence[int]) -> Sequence[HeaderTexts | None]:
        uids = [self.columns.uids[row] for row in rows]
        try:
            digests = await self._account.digests(self._mailbox, uids, (DigestField.HEADER,))
        except MailboxMissing:
            return [None] * len(rows)
        return [None if digest is None else MessageHeader(digest[0]) for digest in digests]

    async def bodies(self, rows: Sequence[int]) -> Sequence[BodyTexts | None]:
        uids = [self.columns.uids[row] for row in rows]
        try:
            digests = await self._account.digests(self._mailbox, uids, (DigestField.PARTS,))
            contents = await self._account.contents(self._mailbox, uids)
        except MailboxMissing:
            return [None] * len(rows)
        return [
            None if digest is None or content is None else MessageBody(digest[0], content)
            for digest, content in zip(digests, contents, strict=True)
        ]

    async def pause(self) -> None:
        await asyncio.sleep(0)  # no waiting: one turn for everybody else


class MessageHeader:
    """See search.corpus.HeaderTexts."""

    __slots__ = ("_raw_header",)

    def __init__(self, raw_header: bytes) -> None:
        self._raw_header = raw_header

    def values(self, name: str) -> Sequence[str]:
        return [decode_header_text(raw) for raw in self._raw_values(name)]

    def addresses(self, name: str) -> Sequence[str]:
        """The field as it reads, and each address as the ENVELOPE has it: without comments, quotes and folds."""
        texts = []
        for raw in self._raw_values(name):
            texts.append(decode_header_text(raw))
            for address in read_addresses(raw, _MOST_ADDRESSES):
                texts.append(_address_text(address.name, address.mailbox, address.host))
        return texts

    def whole(self) -> str:
        return decode_header_text(self._raw_header)

    def sent_date(self) -> datetime.date | None:
        sent = sent_date(self._raw_header)
        return None if sent is None else datetime.date(*sent)

    def _raw_values(self, name: str) -> list[bytes]:
        return field_values(self._raw_header, name.encode("latin-1", "replace"))


class MessageBody:
    """See search.corpus.BodyTexts."""

    __slots__ = ("_content", "_parts")

    def __init__(self, raw_parts: bytes, content: Content) -> None:
        self._parts = PartMap.unpack(raw_parts)
        self._content = content

    def part_headers(self) -> Iterator[str]:
        """MIME headers, and headers of forwarded messages, in the order in which they stand there."""
        parts = self._parts
        spans: set[Span | None] = set()
        for part in parts.parts():
            spans |= {part.header, parts.locate(part.path, SectionText.HEADER)}
        spans -= {None, parts.locate((), SectionText.HEADER)}
        message = self._content.whole()
        return (decode_header_text(bytes(message[span.start : span.end])) for span in sorted(filter(None, spans)))

    def texts(self) -> Iterator[str]:
        """Text parts, and what mail systems report; "this doesn't match any header fields" (RFC 9051, BODY)."""
        message = self._content.whole()
        return (part_text(message, part) for part in self._parts.leaves() if part.type in _SEARCHED_TYPES)


def _address_text(name: bytes | None, mailbox: bytes | None, host: bytes | None) -> str:
    address = (mailbox or b"") + (b"@" + host if host else b"")
    text = decode_header_text(name) + " " if name else ""
    return f"{text}<{address.decode('utf-8', 'replace')}>"


def _columns(view: View, saved: UidSet, now_seconds: int) -> Columns:
    """The image's own columns while they agree with the view; else a copy with gaps where messages are gone."""
    image = view.image
    rows = view.rows_of(range(view.count))
    shared = isinstance(rows, range)
    recent = UidSet.of_ranges((uids[0], uids[-1]) for uids in view.recent if uids)
    return Columns(
        uids=view.uids[: view.count],
        flags=image.flags if shared else [image.flags[row] if row >= 0 else NO_FLAGS for row in rows],
        modseqs=image.modseqs if shared else _spread(image.modseqs, rows),
        sizes=image.sizes if shared else _spread(image.sizes, rows),
        date_seconds=image.date_seconds if shared else _spread(image.date_seconds, rows),
        date_zones=image.date_zones if shared else _spread(image.date_zones, rows),
        now_seconds=now_seconds,
        recent=recent,
        saved=saved,
    )


def _spread(column: Sequence[int], rows: Sequence[int]) -> Sequence[int]:
    return [column[row] if row >= 0 else 0 for row in rows]
