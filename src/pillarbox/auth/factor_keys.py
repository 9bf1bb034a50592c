"""The key that second factors are kept under: a file of its own, so that a stolen accounts.db opens nothing.

TOTP secrets are sealed with AES-256-GCM, bound to their row; recovery codes are kept as HMAC-SHA256. Both keys come
from the file by HKDF (RFC 5869).

Must never: make a key anew where one can't be read, or leave it open to others.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pillarbox.secret import Secret

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class KeysUnavailable(Exception):
    """The key file can't be used; the text is for the operator."""


class SealBroken(Exception):
    """What was sealed was not sealed with this key, for this row."""


class FactorKeys:
    """Seals and hashes."""

    def __init__(self, master: Secret[bytes]) -> None:
        self._sealing = AESGCM(_derived(master, b"pillarbox totp secrets"))
        self._hashing = Secret(_derived(master, b"pillarbox recovery codes"))

    @classmethod
    def open(cls, path: Path) -> FactorKeys:
        """The key of a file, which is made (0600) when it is not there. Raises KeysUnavailable."""
        try:
            if not path.exists():
                _make(path)
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                master = Secret(file.read(KEY_BYTES + 1))
        except OSError as error:
            raise KeysUnavailable(f"can't use the key {path}: {error.strerror}") from error
        if mode & 0o077:
            raise KeysUnavailable(f"others can read the key {path}; close it with: chmod 600 {path}")
        if len(master.reveal()) != KEY_BYTES:
            raise KeysUnavailable(f"the key {path} is damaged; bring it back from a backup")
        return cls(master)

    def seal(self, plain: Secret[bytes], row: str) -> bytes:
        """What only this key opens, and only for the same `row`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, plain.reveal(), row.encode())

    def unseal(self, sealed: bytes, row: str) -> Secret[bytes]:
        """The plain bytes. Raises SealBroken."""
        try:
            return Secret(self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row.encode()))
        except (InvalidTag, ValueError) as error:
            raise SealBroken("it was sealed with another key, or for something else") from error

    def digest(self, secret: Secret[bytes], row: str) -> bytes:
        """What stands for a secret of many bits in the database; of no use without the key."""
        mac = hmac.new(self._hashing.reveal(), digestmod=hashlib.sha256)
        for part in (row.encode(), secret.reveal()):
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()


def _derived(master: Secret[bytes], purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(master.reveal())


def _make(path: Path) -> None:
    """Whole or not at all, and once, whoever else does so at the same time. Raises OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # somebody else was first
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
