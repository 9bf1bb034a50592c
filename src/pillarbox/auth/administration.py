"""Who administers the server over IMAP, asked of the account database each time: what is taken away is gone at once.

Must never: let in; that is the authenticator's.
"""

from __future__ import annotations

from pillarbox.auth.directory import Account, AccountDirectory, DirectoryUnavailable
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.mail.errors import StoreUnavailable
from pillarbox.store.contract import AccountId


class DirectoryAdministration:
    """contract.Administration over the account database."""

    def __init__(self, directory: AccountDirectory) -> None:
        self._directory = directory

    def is_admin(self, login_name: str) -> bool:
        """contract.Administration.is_admin"""
        account = self._find(login_name)
        return account is not None and account.admin and not account.disabled

    def account_of(self, login_name: str) -> AccountId | None:
        """contract.Administration.account_of"""
        account = self._find(login_name)
        return None if account is None else account.id

    def _find(self, login_name: str) -> Account | None:
        try:
            return self._directory.find(prepare_login_name(login_name))
        except LoginNameInvalid:
            return None
        except DirectoryUnavailable as error:
            raise StoreUnavailable("The accounts can't be looked up now; try again later") from error
