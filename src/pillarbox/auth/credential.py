"""What let somebody in, as a word that can be asked about later: is it still good?

`password:7` is the account's own password as it was changed for the seventh time, `app:ID` an app password. Other
words (or none) stand for what the account database knows nothing of, such as a certificate: only an account that is
disabled or removed takes those back.

Must never: hold a secret.
"""

from __future__ import annotations

from collections.abc import Collection

from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.store.contract import AccountId

_PASSWORD = "password:"  # noqa: S105 - a prefix
_APP = "app:"

Held = tuple[AccountId, str]
"""Whose credential, and which."""


def of_password(account: Account) -> str:
    """The account's password as it is now."""
    return f"{_PASSWORD}{account.password_version}"


def of_app_password(app_password_id: str) -> str:
    """An app password."""
    return _APP + app_password_id


def app_password_of(credential: str) -> str | None:
    """The id of the app password that a credential is; None for anything else."""
    return credential.removeprefix(_APP) if credential.startswith(_APP) else None


def taken_back(directory: AccountDirectory, held: Collection[Held]) -> set[Held]:
    """Those that would let nobody in any more. Raises DirectoryUnavailable."""
    return {each for each in held if not _is_good(directory, *each)}


def _is_good(directory: AccountDirectory, account: AccountId, credential: str) -> bool:
    found = directory.rows("SELECT disabled, password_version FROM account WHERE id = ?", account)
    if not found or found[0][0]:
        return False
    if credential.startswith(_PASSWORD):
        return credential == f"{_PASSWORD}{found[0][1]}"
    app_password = app_password_of(credential)
    if app_password is None:
        return True
    return bool(directory.rows("SELECT 1 FROM app_password WHERE id = ? AND account = ?", app_password, account))
