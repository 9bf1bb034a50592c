"""Recovery codes: ten for each account, each good once, for the day when the phone is gone.

80 random bits each, so a keyed hash is enough to keep them: who steals the database can't guess them, not even with
the key.

Must never: show a code twice; accept one twice.
"""

from __future__ import annotations

import secrets
from typing import Final

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys
from pillarbox.auth.factors import Verdict
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

CODES: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: nobody has to tell I, L and 1, or O and 0, apart."""
_CHARACTERS: Final = 16
_PIECE: Final = 4
_ALIKE: Final = str.maketrans("ilo", "110")


def new_code() -> Secret[str]:
    """Such as `k3m7-02xv-9qfe-t5hc`."""
    characters = "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))
    return Secret("-".join(characters[at : at + _PIECE] for at in range(0, _CHARACTERS, _PIECE)))


def code_of(typed: str) -> Secret[bytes] | None:
    """What is hashed of a code that somebody typed, however they wrote it; None when it can't be one."""
    if len(typed) > 4 * _CHARACTERS:
        return None
    code = "".join(each for each in typed.lower() if not each.isspace() and each not in "-–—").translate(_ALIKE)
    if len(code) != _CHARACTERS or any(each not in _ALPHABET for each in code):
        return None
    return Secret(code.encode())


class RecoveryCodes:
    """The codes of all accounts. Blocking. All raise DirectoryUnavailable."""

    def __init__(self, directory: AccountDirectory, keys: FactorKeys) -> None:
        self._directory = directory
        self._keys = keys

    def renew(self, account: AccountId) -> tuple[Secret[str], ...]:
        """New ones; those before are void."""
        codes = tuple(new_code() for _ in range(CODES))
        with self._directory.change() as connection:
            connection.execute("DELETE FROM recovery_code WHERE account = ?", (account,))
            connection.executemany(
                "INSERT INTO recovery_code VALUES (?, ?)",
                [(account, self._digest(account, code_of(code.reveal()))) for code in codes],
            )
        return codes

    def use(self, account: AccountId, code: Secret[bytes]) -> Verdict:
        """A code of `code_of`, once. A used one is WRONG: nothing is kept of it."""
        with self._directory.change() as connection:
            connection.execute(
                "DELETE FROM recovery_code WHERE account = ? AND digest = ?", (account, self._digest(account, code))
            )
            return Verdict.RIGHT if connection.changes() else Verdict.WRONG

    def left(self, account: AccountId) -> int:
        """How many are unused."""
        return len(self._directory.rows("SELECT 1 FROM recovery_code WHERE account = ?", account))

    def _digest(self, account: AccountId, code: Secret[bytes] | None) -> bytes:
        assert code is not None
        return self._keys.digest(code, f"recovery {account}")
