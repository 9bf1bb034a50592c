"""How pieces of a backup are named and closed: in the clear, or with a key that only age identities open.

An encrypted backup has one random key. It stands in `key.age`, encrypted to the recipients that were named
(age-encryption.org/v1), so `age -d` opens it too; this server keeps a copy, since it must recognise what it stored
before. Names are then an HMAC: who sees the backup can't tell whether a known message is in it.
Must never: write a key where others can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Sequence
from typing import Final, Protocol

import pyrage  # type: ignore[import-untyped]  # it ships no types
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pillarbox.backup.trouble import BackupDamaged, BackupTrouble
from pillarbox.secret import Secret

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LEVEL: Final = 3
"""Of zlib: mail shrinks nearly as far as with more, in a third of the time."""


class Seal(Protocol):
    """Names, closes and opens pieces."""

    def name_of(self, data: bytes) -> str:
        """The same for the same bytes; hexadecimal digits."""
        ...

    def close(self, name: str, data: bytes) -> bytes:
        """As it is stored."""
        ...

    def open(self, name: str, stored: bytes) -> bytes:
        """The inverse of close(). Raises BackupDamaged."""
        ...


class PlainSeal:
    """Nothing is encrypted; names are SHA-256."""

    def name_of(self, data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    def close(self, name: str, data: bytes) -> bytes:
        return zlib.compress(data, _LEVEL)

    def open(self, name: str, stored: bytes) -> bytes:
        return _unpacked(name, stored)


class KeyedSeal:
    """ChaCha20-Poly1305 with the name as associated data, so that no piece can pass for another."""

    def __init__(self, key: Secret[bytes]) -> None:
        derived = HKDF(SHA256(), 2 * KEY_BYTES, salt=None, info=b"pillarbox backup 1").derive(key.reveal())
        self._naming = derived[:KEY_BYTES]
        self._cipher = ChaCha20Poly1305(derived[KEY_BYTES:])

    def name_of(self, data: bytes) -> str:
        return hmac.new(self._naming, data, "sha256").hexdigest()

    def close(self, name: str, data: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, zlib.compress(data, _LEVEL), name.encode())

    def open(self, name: str, stored: bytes) -> bytes:
        try:
            packed = self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise BackupDamaged(f"{name} is not what was written") from error
        return _unpacked(name, packed)


def new_key() -> Secret[bytes]:
    """A key for a new backup."""
    return Secret(secrets.token_bytes(KEY_BYTES))


def lock_key(key: Secret[bytes], recipients: Sequence[str]) -> bytes:
    """The key as an age file that any of the recipients opens. Raises BackupTrouble."""
    return bytes(pyrage.encrypt(key.reveal(), [_recipient(text) for text in recipients]))


def unlock_key(locked: bytes, identities: Sequence[Secret[str]]) -> Secret[bytes]:
    """The inverse, with age identities (`AGE-SECRET-KEY-1...`). Raises BackupTrouble."""
    try:
        known = [pyrage.x25519.Identity.from_str(identity.reveal()) for identity in identities]
        key = pyrage.decrypt(locked, known)
    except pyrage.IdentityError:
        raise BackupTrouble("the identity file holds no age identity (a line AGE-SECRET-KEY-1...)") from None
    except pyrage.DecryptError:
        raise BackupTrouble("this identity does not open the backup: it was encrypted to others") from None
    if len(key) != KEY_BYTES:
        raise BackupDamaged("key.age holds no key")
    return Secret(key)


def _recipient(text: str) -> object:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupTrouble(f'"{text}" is no age recipient: it begins with age1 (age-keygen prints it)') from error


def _unpacked(name: str, packed: bytes) -> bytes:
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise BackupDamaged(f"{name} is not what was written") from error
