"""Who judges account passwords when it is not this server: what a back end such as LDAP or PAM promises.

The account itself (mail, rights, quotas, app passwords, second factors) is always in accounts.db; only the question
"is this the password?" goes elsewhere.

Must never: know a back end.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from pillarbox.secret import Secret


class AdminRight(enum.Enum):
    """What a back end says about who administers this server."""

    NOT_SAID = "not said"
    """It stays as it is here."""
    GIVEN = "given"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The password is right."""

    login_name: str
    """The account's name here, as names.prepare_login_name has it. Two spellings of one person give one name."""
    admin: AdminRight = AdminRight.NOT_SAID


class Rejected(enum.Enum):
    """The back end's no."""

    WRONG = "wrong"
    """No such person, or not the password: a back end never tells which."""
    DISABLED = "disabled"
    """The person may not log in now, whatever the password."""


class CheckUnavailable(Exception):
    """The back end can't be asked now, or answers nonsense; the text is for the operator and holds no secret.

    A password that was not judged is never called wrong.
    """


class PasswordCheck(Protocol):
    """Judges passwords. One object serves one event loop."""

    @property
    def remember_seconds(self) -> int:
        """How long a yes may be taken for granted."""
        ...

    @property
    def at_once(self) -> int:
        """How many may be asked at the same time; others wait for their turn."""
        ...

    async def judge(self, login_name: str, password: Secret[bytes]) -> Accepted | Rejected:
        """Whether a prepared password (never empty) is that of a prepared login name.

        Takes bounded time. Asks as much for a name that nobody has as for one that somebody has, as far as the back
        end allows. Raises CheckUnavailable, and nothing else.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes. Nobody is judged afterwards."""
        ...
