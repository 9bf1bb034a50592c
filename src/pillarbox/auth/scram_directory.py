"""SCRAM's keys of the accounts' passwords and app passwords, in `accounts.db`.

Salts are not kept but made, from the login name and a key of this server: a name that nobody has gets a salt in the
same way as one that somebody has, and neither changes when an account is made or gets another password. All passwords
of an account have the same salt and iteration count, for a client is told these before it says which password it has.

Must never: tell by its answers whether there is an account.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

import apsw

from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.auth.sasl_settings import SaslSettings
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, ScramParameters
from pillarbox.secret import Secret

ACCOUNT_PASSWORD: Final = ""
"""The credential that is no app password's id."""
_KEY_NAME: Final = "scram salts"
_SALT_BYTES: Final = 16
_COUNTS_IN_USE: Final = """
    WITH RECURSIVE used(iterations) AS (
        SELECT min(iterations) FROM scram WHERE hash = ?1
        UNION ALL
        SELECT (SELECT min(iterations) FROM scram WHERE hash = ?1 AND iterations > used.iterations)
        FROM used WHERE used.iterations IS NOT NULL
    ) SELECT iterations FROM used WHERE iterations IS NOT NULL
"""
"""As SELECT DISTINCT, which would look at the keys of everybody each time a stranger begins an exchange; this looks one
up for each count that there is."""


class ScramStore:
    """All of them. Blocking; all raise DirectoryUnavailable."""

    def __init__(self, directory: AccountDirectory, settings: SaslSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._key: Secret[bytes] | None = None

    @property
    def hashes(self) -> Sequence[ScramHash]:
        """Those that keys are kept for."""
        return self._settings.scram_hashes

    def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters:
        """What a client needs for its proof, for any name, as typed. The same work whether somebody has it or not."""
        try:
            name = prepare_login_name(login_name)
        except LoginNameInvalid:
            name = login_name
        own = self._directory.rows(
            "SELECT iterations FROM scram JOIN account ON account.id = scram.account"
            " WHERE login_name = ? AND hash = ? LIMIT 1",
            name.encode("utf-8", "replace").decode(),
            hash.value,
        )
        in_use = self._directory.rows(_COUNTS_IN_USE, hash.value)
        counts = sorted(_whole(row[0]) for row in in_use) or [self._settings.scram_iterations]
        made_up = max(counts, key=lambda count: self._mac(hash, f"{count}", name))  # the same one each time
        return ScramParameters(self._salt(hash, name), _whole(own[0][0]) if own else made_up)

    def wanted(self, account: Account, credential: str = ACCOUNT_PASSWORD) -> list[tuple[ScramHash, ScramParameters]]:
        """What keys are still to be derived with, for one of the account's passwords."""
        there = {
            str(row[0])
            for row in self._directory.rows(
                "SELECT hash FROM scram WHERE account = ? AND credential = ?", account.id, credential
            )
        }
        return [(hash, self._new(account, hash)) for hash in self.hashes if hash.value not in there]

    def new_account(self, login_name: str) -> list[tuple[ScramHash, ScramParameters]]:
        """The same for an account that is to be made with this prepared name."""
        return [
            (hash, ScramParameters(self._salt(hash, login_name), self._settings.scram_iterations))
            for hash in self.hashes
        ]

    def keep(self, account: Account, keys: Sequence[ScramKeys], credential: str = ACCOUNT_PASSWORD) -> None:
        """Keep what was derived, unless the account's password is another one by now, or a count became another."""
        with self._directory.change() as connection:
            for each in keys:
                connection.execute(
                    "INSERT OR REPLACE INTO scram SELECT id, ?, ?, ?, ?, ? FROM account"
                    " WHERE id = ? AND (password_hash = ? OR ? != '') AND NOT EXISTS"
                    " (SELECT 1 FROM scram WHERE account = account.id AND hash = ? AND iterations != ?)",
                    (
                        *(credential, each.hash.value, each.parameters.iterations, each.stored_key, each.server_key),
                        *(account.id, account.password_hash, credential, each.hash.value, each.parameters.iterations),
                    ),
                )

    def of(self, account: Account, hash: ScramHash) -> list[tuple[str, ScramKeys]]:
        """An account's keys, each with the credential that it belongs to."""
        salt = self._salt(hash, account.login_name)
        return [
            (str(row[0]), ScramKeys(hash, ScramParameters(salt, _whole(row[1])), _octets(row[2]), _octets(row[3])))
            for row in self._directory.rows(
                "SELECT credential, iterations, stored_key, server_key FROM scram WHERE account = ? AND hash = ?",
                account.id,
                hash.value,
            )
        ]

    def forget_unwanted(self) -> None:
        """Remove the keys of hashes that the settings don't name any more."""
        kept = {hash.value for hash in self.hashes}
        there = {str(row[0]) for row in self._directory.rows("SELECT DISTINCT hash FROM scram")}
        if there - kept:
            with self._directory.change() as connection:
                connection.executemany("DELETE FROM scram WHERE hash = ?", [(hash,) for hash in there - kept])

    def _new(self, account: Account, hash: ScramHash) -> ScramParameters:
        """The account's other passwords say how many iterations; else the settings do."""
        found = self._directory.rows(
            "SELECT iterations FROM scram WHERE account = ? AND hash = ? LIMIT 1", account.id, hash.value
        )
        count = _whole(found[0][0]) if found else self._settings.scram_iterations
        return ScramParameters(self._salt(hash, account.login_name), count)

    def _salt(self, hash: ScramHash, name: str) -> bytes:
        return self._mac(hash, "salt", name)[:_SALT_BYTES]

    def _mac(self, hash: ScramHash, purpose: str, name: str) -> bytes:
        if self._key is None:
            self._key = self._found_key()
        text = f"{hash.value}\0{purpose}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key.reveal(), text, hashlib.sha256)

    def _found_key(self) -> Secret[bytes]:
        found = self._directory.rows("SELECT key FROM server_key WHERE name = ?", _KEY_NAME)
        if not found:
            with self._directory.change() as connection:
                connection.execute("INSERT OR IGNORE INTO server_key VALUES (?, ?)", (_KEY_NAME, secrets.token_bytes()))
            found = self._directory.rows("SELECT key FROM server_key WHERE name = ?", _KEY_NAME)
        return Secret(_octets(found[0][0]))


def _whole(value: apsw.SQLiteValue) -> int:
    assert isinstance(value, int)
    return value


def _octets(value: apsw.SQLiteValue) -> bytes:
    assert isinstance(value, bytes)
    return value
