"""Seals that a thief of today's key can't make for yesterday's entries.

Each entry has a key of its own: the next one is the hash of the one before, and the one before is forgotten. Whoever
takes over the server at entry N knows the keys from N on, and can change nothing before N that does not show. Who
holds the first key (the verification key, to be kept on another machine) can compute them all. The idea is Bellare and
Yee's (1997); journald seals in the same spirit.

Must never: keep a key that is used up.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Self

_KEY_BYTES: Final = 32
_SEAL_CHARACTERS: Final = 32
_NEXT: Final = b"pillarbox audit: the next key\0"
_FORMAT: Final = "pillarbox-audit-1"


class KeyInvalid(Exception):
    """A text is no key. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """The key of one entry."""

    number: int
    """Of the entry."""
    secret: bytes

    def __repr__(self) -> str:
        return f"SealKey({self.number}, ...)"

    @classmethod
    def new(cls, number: int) -> Self:
        return cls(number, secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `text` wrote. Raises KeyInvalid."""
        words = text.split()
        try:
            kind, number, secret = words[0], int(words[1]), bytes.fromhex(words[2])
        except (ValueError, IndexError) as error:
            raise KeyInvalid("it is no key of an audit log") from error
        if kind != _FORMAT or number < 1 or len(secret) != _KEY_BYTES or len(words) != 3:
            raise KeyInvalid("it is no key of an audit log")
        return cls(number, secret)

    def text(self) -> str:
        """For a file; always of the same length."""
        return f"{_FORMAT} {self.number:020d} {self.secret.hex()}\n"

    def seal(self, digest: bytes) -> str:
        """Of an entry with this hash."""
        return hmac.new(self.secret, digest, hashlib.sha256).hexdigest()[:_SEAL_CHARACTERS]

    def at(self, number: int) -> SealKey:
        """The key of a later entry. Raises ValueError for an earlier one: nobody can know that."""
        if number < self.number:
            raise ValueError("keys go forward only")
        secret = self.secret
        for _ in range(number - self.number):
            secret = hashlib.sha256(_NEXT + secret).digest()
        return SealKey(number, secret)
