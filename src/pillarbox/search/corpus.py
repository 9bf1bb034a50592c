"""What a search looks at, as the evaluation sees it: columns that are at hand, texts that must be fetched.

A *row* is a message's place in the corpus, from 0; rows ascend by UID. The message number that a client knows
is its row plus one.

Must never: say where messages come from.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from pillarbox.mail.flags import FlagSet
from pillarbox.mail.uids import UidSet
from pillarbox.search.casemap import casemap_header
from pillarbox.search.fuzzy import Fuzzy, Hits


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of all messages without reading one. All sequences have (at least) the length of `uids`."""

    uids: Sequence[int]
    flags: Sequence[FlagSet]
    modseqs: Sequence[int]
    sizes: Sequence[int]
    """Bytes."""
    date_seconds: Sequence[int]
    """Epoch seconds of the internal date."""
    date_zones: Sequence[int]
    """Minutes east, of the internal date."""
    save_seconds: Sequence[int]
    """Epoch seconds at which the message came into this mailbox."""
    now_seconds: int
    """The time of the search; YOUNGER and OLDER count from it."""
    recent: UidSet
    r"""UIDs of the messages that are `\Recent` to who asks."""
    saved: UidSet
    """UIDs of the saved result (`$`)."""


class HeaderTexts(Protocol):
    """One message's header, decoded to text; lines may still be folded."""

    def values(self, name: str) -> Sequence[str]:
        """What follows the colon, of each field of that name (any case); empty when there is none."""
        ...

    def addresses(self, name: str) -> Sequence[str]:
        """The texts in which an address is looked for: empty when there is no field of that name."""
        ...

    def whole(self) -> str:
        """All of the header, names and values."""
        ...

    def sent_date(self) -> datetime.date | None:
        """The day in the Date field as it was where it was sent; None when missing or broken."""
        ...

    def email_id(self) -> str:
        """The id that all copies of the message share (RFC 8474 section 5.1)."""
        ...

    def thread_id(self) -> str:
        """The id that the message shares with its thread (RFC 8474 section 5.2)."""
        ...


class BodyTexts(Protocol):
    """One message's body, decoded to texts when asked."""

    def part_headers(self) -> Iterable[str]:
        """MIME headers of the parts, decoded; the message's own header is not among them."""
        ...

    def texts(self) -> Iterable[Iterable[str]]:
        """The readable text of each part that has any, in pieces, each of which takes little time to get. An empty
        piece stands for work that had nothing to show."""
        ...

    def texts_with(self, needles: Sequence[str]) -> Iterable[Iterable[str]]:
        """The same; texts that hold none of the needles, as they are compared, may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """What an index says of one key about the messages that it was asked about: those in neither don't match."""

    certain: BitMap
    """These match."""
    possible: BitMap
    """These may match; who wants to know must read them. None is in `certain`."""


class Corpus(Protocol):
    """The messages to search. None stands for a message that has gone since the search began."""

    columns: Columns

    async def candidates(self, key: TextKey, rows: Sequence[int]) -> Candidates | None:
        """Which of the ascending `rows` may match, as rows; None when no index can help."""
        ...

    async def fuzzy_hits(self, key: Fuzzy, rows: Sequence[int]) -> Hits:
        """How well each of the ascending `rows` matches, by row; those that no index knows are `unread`."""
        ...

    async def headers(self, rows: Sequence[int]) -> Sequence[HeaderTexts | None]:
        """The header of each row. Asked for in batches of some dozens."""
        ...

    async def bodies(self, rows: Sequence[int]) -> Sequence[BodyTexts | None]:
        """The body of each row. Asked for in batches bounded in bytes (or one large message)."""
        ...

    async def pause(self) -> None:
        """Let others run."""
        ...


class TextKey(Protocol):
    """A key that looks for a text: Header, Address, Body or Text of query.py."""

    @property
    def text(self) -> str:
        """As it was asked."""
        ...

    @property
    def needle(self) -> str:
        """As it is compared."""
        ...


class FoldedHeader:
    """One message's header in the form in which texts are compared, folded once however many keys ask."""

    __slots__ = ("_folded", "_header")

    def __init__(self, header: HeaderTexts) -> None:
        self._header = header
        self._folded: dict[tuple[str, str], list[str]] = {}

    def values(self, name: str) -> Sequence[str]:
        """HeaderTexts.values, folded."""
        return self._fold("value", name, self._header.values)

    def addresses(self, name: str) -> Sequence[str]:
        """HeaderTexts.addresses, folded."""
        return self._fold("address", name, self._header.addresses)

    def whole(self) -> str:
        """HeaderTexts.whole, folded."""
        return self._fold("whole", "", lambda name: (self._header.whole(),))[0]

    def sent_date(self) -> datetime.date | None:
        """HeaderTexts.sent_date."""
        return self._header.sent_date()

    def email_id(self) -> str:
        """HeaderTexts.email_id."""
        return self._header.email_id()

    def thread_id(self) -> str:
        """HeaderTexts.thread_id."""
        return self._header.thread_id()

    def _fold(self, kind: str, name: str, read: Callable[[str], Sequence[str]]) -> list[str]:
        folded = self._folded.get((kind, name))
        if folded is None:
            folded = self._folded[kind, name] = [casemap_header(text) for text in read(name)]
        return folded
