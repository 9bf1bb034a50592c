"""The messages that FETCH renders together, with what was read for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pillarbox.imap.session import Session
from pillarbox.imap.view import Indices, View
from pillarbox.store.contract import Content, DigestField


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a large message, to be sent as a literal piece by piece."""

    content: Content
    start: int
    end: int

    def pieces(self, size: int) -> Iterator[bytes]:
        """Its bytes, `size` at a time."""
        for at in range(self.start, self.end, size):
            yield self.content.read(at, min(at + size, self.end))


class Batch:
    """Columns of what is known of some messages; all of one length, row by row the same message."""

    __slots__ = (
        "_decoded",
        "contents",
        "digests",
        "has_slices",
        "numbers",
        "rows",
        "session",
        "share_bytes",
        "uids",
        "view",
    )

    def __init__(self, session: Session, view: View, indices: Indices) -> None:
        self.session = session
        self.view = view
        self.uids: Sequence[int] = view.uids_of(indices)
        self.numbers: Sequence[int] = (
            range(indices.start + 1, indices.stop + 1)
            if isinstance(indices, range)
            else [index + 1 for index in indices]
        )
        self.rows: Sequence[int] = ()
        self.digests: Mapping[DigestField, Sequence[bytes]] = {}
        self.contents: Sequence[Content] = ()
        self.has_slices = False
        self.share_bytes = session.services.limits.fetch_batch_bytes
        """Literals up to here are rendered; longer ones are streamed."""
        self._decoded: dict[tuple[int, tuple[int, ...]], bytes | None] = {}

    def add_digests(self, fields: Sequence[DigestField], rows: Sequence[tuple[bytes, ...] | None]) -> None:
        """What AccountStore.digests gave for all messages."""
        if None in rows:
            self._keep([at for at, row in enumerate(rows) if row is not None])
        columns = list(zip(*[row for row in rows if row is not None], strict=True)) or [()] * len(fields)
        self.digests = dict(zip(fields, columns, strict=True))

    def add_contents(self, contents: Sequence[Content | None]) -> None:
        """What AccountStore.contents gave for all messages."""
        if None in contents:
            self._keep([at for at, content in enumerate(contents) if content is not None])
        self.contents = [content for content in contents if content is not None]

    def decoded_once(self, content: Content, path: tuple[int, ...], decode: Callable[[], bytes | None]) -> bytes | None:
        """What `decode` gives for a part, done once however many items ask for pieces."""
        key = (id(content), path)
        if key not in self._decoded:
            self._decoded[key] = decode()
        return self._decoded[key]

    def settle(self) -> None:
        """Look up the rows now that all reading is done: nothing is awaited from here to the end of rendering."""
        rows = self.rows = self._rows()
        if rows and min(rows) < 0:
            self._keep([at for at, row in enumerate(rows) if row >= 0])
            self.rows = [row for row in rows if row >= 0]

    def _rows(self) -> Sequence[int]:
        view, image = self.view, self.view.image
        if view.uids is image.uids and not image.deleted:
            if isinstance(self.numbers, range):
                return range(self.numbers.start - 1, self.numbers.stop - 1)
            return [number - 1 for number in self.numbers]
        if image.deleted:
            return [-1] * len(self.numbers)
        return [image.row_of(uid) for uid in self.uids]

    def _keep(self, places: Sequence[int]) -> None:
        """Drop all other messages."""
        self.uids = [self.uids[at] for at in places]
        self.numbers = [self.numbers[at] for at in places]
        if self.contents:
            self.contents = [self.contents[at] for at in places]
        self.digests = {field: [column[at] for at in places] for field, column in self.digests.items()}
