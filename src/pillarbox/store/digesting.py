"""What the stores want to know of a message's bytes, and who tells them.

The MIME room computes it; a store takes the function, so that tests can give a cheap one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol


class Digest(Protocol):
    """See mime/digest.py. Bytes are ready to send."""

    @property
    def envelope(self) -> bytes: ...
    @property
    def bodystructure(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def parts(self) -> bytes: ...
    @property
    def sort_keys(self) -> bytes: ...
    @property
    def common_fields(self) -> bytes: ...
    @property
    def header_size(self) -> int: ...


Digester = Callable[[bytes | memoryview], Digest]
"""Never raises, whatever the bytes. A memoryview is all of a mapped file."""


def sha256_of(message: bytes | memoryview) -> bytes:
    """The hash that `email_id` is made of."""
    return hashlib.sha256(message).digest()


def email_id(sha256: bytes) -> bytes:
    """RFC 8474 section 4.1 (`objectid`): begins with a letter, as section 5 of it advises."""
    return b"m" + sha256[:20].hex().encode("ascii")
