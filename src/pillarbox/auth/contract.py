"""Who may enter: what the doors (imap, lmtp, web) may ask, whatever back end answers.

Promises: constant-time comparison; the same answer, text and time for "no such user" and "wrong password";
secrets are never logged or kept in clear.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a login comes from; for the log, and later for throttling and monitoring."""

    address: str
    mechanism: str
    """LOGIN, PLAIN, ..."""
    tls: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """The door is open."""

    account: AccountId
    login_name: str
    """As it is kept, for the log and for people."""


class RefusalReason(enum.Enum):
    """Why not; for the log and for the operator. A client hears less."""

    WRONG_CREDENTIALS = "wrong credentials"
    """Unknown user, wrong password or a name that can't be one: never told apart towards the client."""
    DISABLED = "account disabled"
    UNAVAILABLE = "account database unavailable"


@dataclass(frozen=True, slots=True)
class Denied:
    reason: RefusalReason


class Authenticator(Protocol):
    """Decides about credentials."""

    async def password(self, login_name: str, password: Secret[str], attempt: Attempt) -> Granted | Denied:
        """Check a password. Never raises for anything a client sent. Logs the decision, once."""
        ...


class Administration(Protocol):
    """What a door must know of accounts other than the one that came in through it. All raise StoreUnavailable."""

    def is_admin(self, login_name: str) -> bool:
        """Whether somebody administers the server, as of now."""
        ...

    def account_of(self, login_name: str) -> AccountId | None:
        """The account of a name, however it is spelled; None when there is none."""
        ...


class NobodyAdministers:
    """Administration where nobody may do anything for others."""

    def is_admin(self, login_name: str) -> bool:
        return False

    def account_of(self, login_name: str) -> AccountId | None:
        return None
