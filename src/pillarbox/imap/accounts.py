"""Whose account a login name stands for: what URLs of other people's mail need.

Must never: be asked on behalf of somebody who is to learn from it whether there is such a name.
"""

from __future__ import annotations

from typing import Protocol

from pillarbox.store.contract import AccountId


class Accounts(Protocol):
    """Finds accounts by login name."""

    async def account_of(self, login_name: str) -> AccountId | None:
        """The account that `login_name` (in any spelling of it) logs in to; None when nobody may log in so."""
        ...


class NoAccounts:
    """Accounts where nobody can be looked up."""

    async def account_of(self, login_name: str) -> AccountId | None:
        return None
