"""A message on its way in: in memory while small, then in a file of the staging folder.

Must never: promise durability; a store does that when it takes the message over.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pillarbox.mail.errors import MessageTooBig, StoreUnavailable


class StagedMessage:
    """contract.Staged. A store takes its bytes with `bytes_in_memory` or `link_to`, as often as it likes."""

    __slots__ = ("_buffer", "_discarded", "_file", "_folder", "_hash", "_limit_bytes", "_memory_bytes", "_path",
                 "size_bytes")  # fmt: skip

    def __init__(self, folder: Path, memory_bytes: int, limit_bytes: int) -> None:
        self.size_bytes = 0
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._file = -1
        self._path: Path | None = None
        self._discarded = False

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`. Raises MessageTooBig past the limit, StoreUnavailable when the disk is full."""
        if self._discarded:
            raise ValueError("written to after it was discarded")
        if self.size_bytes + len(data) > self._limit_bytes:
            raise MessageTooBig(self._limit_bytes)
        try:
            if self._file < 0 and self.size_bytes + len(data) > self._memory_bytes:
                self._spill()
            if self._file < 0:
                self._buffer += data
            else:
                _write_all(self._file, memoryview(data))
        except OSError as error:
            self.discard()
            raise StoreUnavailable("The server has no room to take the message in now") from error
        self._hash.update(data)
        self.size_bytes += len(data)

    def discard(self) -> None:
        """Throw it away; harmless after it was stored, and twice."""
        self._discarded = True
        self._buffer = bytearray()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def bytes_in_memory(self) -> bytes | None:
        """The message, or None when it lies in a file."""
        self._check_held()
        return bytes(self._buffer) if self._path is None else None

    def link_to(self, path: Path) -> None:
        """Give its file a second name, which outlives this object. The caller syncs it."""
        self._check_held()
        if self._path is None:
            raise ValueError("it lies in memory")
        os.link(self._path, path)

    def pieces(self, size: int) -> Iterator[bytes]:
        """What was written so far, `size` bytes at a time. Not to be written to meanwhile."""
        self._check_held()
        if self._path is None:
            for at in range(0, len(self._buffer), size):
                yield bytes(self._buffer[at : at + size])
            return
        with self._path.open("rb") as file:
            while piece := file.read(size):
                yield piece

    def sha256(self) -> bytes:
        """The hash of what was written so far."""
        return self._hash.digest()

    def __del__(self) -> None:
        self.discard()

    def _check_held(self) -> None:
        if self._discarded:
            raise ValueError("used after it was discarded")

    def _spill(self) -> None:
        path = self._folder / secrets.token_hex(12)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._path = path
        _write_all(self._file, memoryview(self._buffer))
        self._buffer = bytearray()


def _write_all(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]
