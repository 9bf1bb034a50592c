"""Who may enter: what the doors (imap, lmtp, web) may ask, whatever back end answers.

Promises: constant-time comparison; the same answer, text and time for "no such user" and "wrong password";
secrets are never logged or kept in clear.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, Protocol

from pillarbox.auth.claims import Claim
from pillarbox.auth.scope import EVERYTHING, Scope
from pillarbox.store.contract import AccountId


class Standing(enum.Enum):
    """Whose turn is first when passwords wait to be checked."""

    KNOWN = "known"
    """This account logged in from this network before."""
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a login comes from; for the log, throttling and monitoring."""

    address: str
    mechanism: str
    """LOGIN, PLAIN, ..."""
    tls: str = ""
    client: str = ""
    """Name and version by the ID command, when that came first."""
    standing: Standing = Standing.STRANGER
    """The throttle says; a door leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The door is open."""

    account: AccountId
    login_name: str
    """As it is kept, for the log and for people."""
    decision: int = field(default=0, compare=False)
    """What Authenticator.client_named() wants; 0: nobody keeps a history."""
    scope: Scope = EVERYTHING
    """How much of the account; every door must hold to it."""
    credential: str = field(default="", compare=False)
    """What let in (auth/credential.py): when that is taken back, sessions end. Empty: nothing can be asked about it."""
    app_password: str = field(default="", compare=False)
    """The name of the app password; empty for anything else."""
    expires_seconds: float | None = field(default=None, compare=False)
    """When the session must end; None: whenever it likes."""
    signature: bytes = field(default=b"", compare=False)
    """For a ScramClaim: what shows the client that the server knows the password too."""


class RefusalReason(enum.Enum):
    """Why not; for the log and for the operator. A client hears less."""

    WRONG_CREDENTIALS = "wrong credentials"
    """Unknown user, wrong password or a name that can't be one: never told apart towards the client."""
    DISABLED = "account disabled"
    EXPIRED = "app password expired"
    """As for WRONG_CREDENTIALS, towards the client."""
    ELSEWHERE = "app password not valid from this network"
    """Likewise."""
    TOKEN = "bearer token refused"  # noqa: S105 - a reason
    """Likewise."""
    TOKEN_EXPIRED = "bearer token expired"  # noqa: S105 - a reason
    """Likewise; it was good, so nobody has guessed."""
    UNAVAILABLE = "account database unavailable"
    THROTTLED = "too many failed logins"
    """Refused before anything was looked up, so it says nothing of the account or the password."""
    BUSY = "too many passwords wait to be checked"
    BINDING = "right password, but the client sees another TLS connection"
    """Somebody is in between (RFC 5802 section 6). As for WRONG_CREDENTIALS, towards the client."""
    SECOND_FACTOR = "account password, but multi-factor is on"
    """The password was right, and an app password is asked for. Only after a right one: it tells a guesser nothing."""


TRY_LATER: Final = frozenset({RefusalReason.UNAVAILABLE, RefusalReason.THROTTLED, RefusalReason.BUSY})
"""The password was not judged: a client must not ask its user for another one."""


SECOND_FACTOR_ADVICE: Final = (
    "Multi-factor is on: mail programs log in with an app password here. Make one and enter it instead of the account"
    " password; whoever runs this server can do it too (pillarbox app-password add)"
)
"""What a client hears after RefusalReason.SECOND_FACTOR."""


@dataclass(frozen=True, slots=True)
class Denied:
    reason: RefusalReason
    account: AccountId | None = field(default=None, compare=False)
    """Whose password was right all the same (SECOND_FACTOR); for the history and the notice to its owner."""


class Authenticator(Protocol):
    """Decides about credentials."""

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        """Check what somebody shows. Never raises for anything a client sent. Logs the decision, once.

        A claim of a kind that is not understood is as good as a wrong password.
        """
        ...

    def client_named(self, decision: int, client: str) -> None:
        """The client of Granted.decision said its name (ID) after it had logged in."""
        ...


class SecondFactorRule(Protocol):
    """For whom the account password alone is not enough."""

    def required(self, account: AccountId) -> bool:
        """Whether mail programs need an app password. Blocking. Raises DirectoryUnavailable."""
        ...


class PasswordIsEnough:
    """SecondFactorRule where nobody has a second factor."""

    def required(self, account: AccountId) -> bool:
        return False


class Presence(Protocol):
    """How many connections each account has, over all workers."""

    def arrive(self, account: AccountId) -> bool:
        """One more; False when there are as many as an account may have: then nothing is counted."""
        ...

    def depart(self, account: AccountId) -> None:
        """One less."""
        ...


class Uncounted:
    """Presence where nobody counts."""

    def arrive(self, account: AccountId) -> bool:
        return True

    def depart(self, account: AccountId) -> None:
        pass


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
