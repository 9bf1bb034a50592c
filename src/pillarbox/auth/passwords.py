"""Argon2id password hashes (RFC 9106), made and checked away from the event loop; and SCRAM's keys.

Must never: log or keep a password, or run a hash on the loop's thread.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from pillarbox.auth.names import prepare_password
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, ScramParameters, derive_keys
from pillarbox.auth.settings import AuthSettings
from pillarbox.secret import Secret


class PasswordHasher:
    """Hashes and checks passwords in a few threads of its own; what comes beyond those waits its turn."""

    def __init__(self, settings: AuthSettings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_lanes,
            type=argon2.Type.ID,
        )
        self._threads = ThreadPoolExecutor(settings.hash_threads, thread_name_prefix="argon2")

    async def hash(self, password: Secret[str]) -> str:
        """The hash to keep, in PHC string format. Raises PasswordInvalid."""
        return await self.hash_prepared(Secret(prepare_password(password.reveal())))

    async def hash_prepared(self, prepared: Secret[bytes]) -> str:
        """The same for a password that went through names.prepare_password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hash, prepared)

    async def scram_keys(
        self, prepared: Secret[bytes], wanted: Sequence[tuple[ScramHash, ScramParameters]]
    ) -> list[ScramKeys]:
        """What SCRAM keeps of a prepared password."""
        loop = asyncio.get_running_loop()
        derive = [
            loop.run_in_executor(self._threads, derive_keys, hash, prepared, parameters) for hash, parameters in wanted
        ]
        return list(await asyncio.gather(*derive))

    async def verify(self, password_hash: str, prepared: Secret[bytes]) -> bool:
        """Whether a prepared password (names.prepare_password) is the one; a damaged hash fits nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, password_hash, prepared)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than the settings ask for now."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return False

    def decoy(self) -> str:
        """A hash of these parameters that no password is known to fit: checking it takes as long as a real one."""
        salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
        cost = f"m={self._argon2.memory_cost},t={self._argon2.time_cost},p={self._argon2.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${digest}"

    def close(self) -> None:
        """Let the threads go; what runs is finished, what waits is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _hash(self, prepared: Secret[bytes]) -> str:
        return self._argon2.hash(prepared.reveal())

    def _verify(self, password_hash: str, prepared: Secret[bytes]) -> bool:
        try:
            return self._argon2.verify(password_hash, prepared.reveal())
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
