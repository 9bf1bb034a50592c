"""For whom mail programs need an app password: all that the doors must know of second factors.

Must never: need the key that factors are sealed with.
"""

from __future__ import annotations

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.settings import Asked, MultiFactorSettings
from pillarbox.store.contract import AccountId


class MultiFactorRule:
    """contract.SecondFactorRule"""

    def __init__(self, directory: AccountDirectory, settings: MultiFactorSettings) -> None:
        self._directory = directory
        self._settings = settings

    def required(self, account: AccountId) -> bool:
        """Whether the account has a factor that counts, or all accounts need one. Raises DirectoryUnavailable."""
        if self._settings.require is Asked.ALL:
            return True
        found = self._directory.rows(
            "SELECT 1 FROM totp WHERE account = ? AND confirmed"
            " UNION ALL SELECT 1 FROM passkey WHERE account = ? LIMIT 1",
            account,
            account,
        )
        return bool(found)
