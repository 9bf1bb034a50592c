"""Message bytes: making them ready, keeping, sharing, releasing and reading them.

Small messages lie in the database, large ones in files of `blobs/` that are synced before a row names them.
Must never: remove a file before the change that frees it was committed.
"""

from __future__ import annotations

import mmap
import os
import secrets
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import apsw

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import StoreCorrupt
from pillarbox.mime.digest import header_size
from pillarbox.store.contract import AttachmentMarks, Origin
from pillarbox.store.digesting import Digest, Digester, sha256_of
from pillarbox.store.naming import attachment_mark
from pillarbox.store.sqlite.derived import DERIVED, Pieces, keep_derived, pieces_of
from pillarbox.store.sqlite.schema import make_folder, sync_folder


@dataclass(slots=True)
class Incoming:
    """A message that is about to be stored: bytes in memory, or a file of `blobs/` already."""

    data: bytes | None
    blob: str | None
    sha256: bytes | None
    date: InternalDate
    flags: frozenset[str]
    origin: Origin


class Ready(NamedTuple):
    """A message with all that a row needs; a blob is on disk. A tuple is made in a third of a dataclass' time."""

    size_bytes: int
    sha256: bytes
    header: bytes
    body: bytes | None
    blob: str | None
    digest: Digest | None
    """None: to be computed later."""
    date: InternalDate
    flags: frozenset[str]
    mark: frozenset[str]
    """naming.attachment_mark"""


def make_ready(
    incoming: Sequence[Incoming], blobs: Path, inline_bytes: int, digest: Digester, marks: AttachmentMarks
) -> list[Ready]:
    """Hash messages and bring the bytes of large ones to disk. Runs in a writing thread.

    Large ones are digested too: that takes too long for the loop thread, where the others are (digests.py).
    """
    ready = []
    synced = True
    for message in incoming:
        data: bytes | memoryview | None = message.data
        if data is None:
            data = _synced(blobs / str(message.blob))
            synced = False
        elif len(data) > inline_bytes:
            message.blob = secrets.token_hex(16)
            _write_blob(blobs, message.blob, data)
            synced = False
        known = None if message.blob is None else digest(data)
        header_end = header_size(data) if known is None else known.header_size
        header = bytes(data[:header_end])
        body = bytes(data[header_end:]) if message.blob is None else None
        sha256 = message.sha256 or sha256_of(data)
        mark = attachment_mark(data, message.flags, message.origin, marks)
        ready.append(Ready(len(data), sha256, header, body, message.blob, known, message.date, message.flags, mark))
    if not synced:
        sync_folder(blobs)
    return ready


def remove_blobs(blobs: Path, names: Iterable[str | None]) -> None:
    """Remove files that no row names any more or ever did."""
    for name in names:
        if name is not None:
            (blobs / name).unlink(missing_ok=True)


def sweep(connection: apsw.Connection, blobs: Path, made_before_seconds: float) -> int:
    """Remove files of an account that no row names and that are older than that. How many it were."""
    if not blobs.is_dir():
        return 0
    named = {name for (name,) in connection.execute("SELECT blob FROM content WHERE blob IS NOT NULL")}
    with os.scandir(blobs) as entries:
        orphans = [entry.name for entry in entries if entry.name not in named]
    old = [name for name in orphans if (blobs / name).stat().st_ctime < made_before_seconds]
    remove_blobs(blobs, old)
    return len(old)


class Contents:
    """The content tables within a write transaction. `last` is the last content id given."""

    __slots__ = ("_connection", "freed_blobs", "last")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.last = 0
        self.freed_blobs: list[str] = []
        """Files to remove after the commit."""

    def add(self, messages: Sequence[Ready]) -> range:
        """Keep messages' bytes; their content ids."""
        ids = range(self.last + 1, self.last + 1 + len(messages))
        self.last += len(messages)
        self._connection.executemany(
            "INSERT INTO content VALUES (?, ?, ?, ?, ?, ?)",
            [
                (new, each.size_bytes, each.sha256, each.header, each.body, each.blob)
                for new, each in zip(ids, messages, strict=True)
            ],
        )
        for new, message in zip(ids, messages, strict=True):
            if message.digest is not None:
                self.keep_digest(new, pieces_of(message.digest))
        return ids

    def keep_digest(self, content: int, pieces: Pieces) -> None:
        """Keep what was computed of a message's bytes, unless they are gone or it was kept before."""
        keep_derived(self._connection, content, pieces)

    def share(self, contents: Iterable[int]) -> None:
        """One more message has each of these."""
        self._connection.executemany(
            "INSERT INTO extra_reference VALUES (?, ?)"
            " ON CONFLICT (content) DO UPDATE SET extra = extra + excluded.extra",
            Counter(contents).items(),
        )

    def release(self, contents: Iterable[int]) -> None:
        """One message less has each of these; what nobody has is removed."""
        released = Counter(contents)
        if not released:
            return
        column = apsw.carray(array("q", released))
        extras = dict(
            self._connection.execute("SELECT content, extra FROM extra_reference WHERE content IN carray(?)", (column,))
        )
        for content, extra in extras.items():
            left = extra - released[content]
            if left > 0:
                self._connection.execute("UPDATE extra_reference SET extra = ? WHERE content = ?", (left, content))
            else:
                self._connection.execute("DELETE FROM extra_reference WHERE content = ?", (content,))
        dead = array("q", sorted(content for content, count in released.items() if count > extras.get(content, 0)))
        if not dead:
            return
        column = apsw.carray(dead)
        self.freed_blobs.extend(
            name
            for (name,) in self._connection.execute(
                "SELECT blob FROM content WHERE id IN carray(?) AND blob IS NOT NULL", (column,)
            )
        )
        self._connection.execute("DELETE FROM content WHERE id IN carray(?)", (column,))
        for table in DERIVED:
            self._connection.execute(f"DELETE FROM {table} WHERE content IN carray(?)", (column,))  # noqa: S608 - constants


class InlineContent:
    """contract.Content in memory."""

    __slots__ = ("_data", "size_bytes")

    def __init__(self, data: bytes) -> None:
        self.size_bytes = len(data)
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def whole(self) -> bytes:
        return self._data


class MappedContent:
    """contract.Content in a file, mapped: it stays readable after the file was removed."""

    __slots__ = ("_map", "size_bytes")

    def __init__(self, path: Path, stored_bytes: int | None = None) -> None:
        """Raises FileNotFoundError, and StoreCorrupt when the file has another size."""
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.size_bytes = os.fstat(file).st_size
            if not self.size_bytes or stored_bytes not in (None, self.size_bytes):
                raise StoreCorrupt("The bytes of a message are not those that were stored")
            self._map = mmap.mmap(file, self.size_bytes, prot=mmap.PROT_READ)
        finally:
            os.close(file)

    def read(self, start: int, end: int) -> bytes:
        return self._map[start:end]

    def whole(self) -> memoryview:
        return memoryview(self._map)


def _synced(path: Path) -> memoryview:
    """The bytes of a file, once they are on disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    return MappedContent(path).whole()


def _write_blob(blobs: Path, name: str, data: bytes | memoryview) -> None:
    make_folder(blobs)
    descriptor = os.open(blobs / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
