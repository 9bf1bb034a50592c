"""The words that second factors are spoken of in: what there is, how a check ended, what is told once.

Must never: print a secret.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from pillarbox.secret import Secret

MAX_FACTORS: Final = 20
"""Of one kind for one account; more is a program that has lost its way."""
MAX_NAME_CHARACTERS: Final = 60


class FactorKind(enum.Enum):
    """What proves that somebody has more than a password."""

    TOTP = "totp"
    """Codes of an app, RFC 6238."""
    PASSKEY = "passkey"
    """WebAuthn."""


class Verdict(enum.Enum):
    """How a check ended. Only RIGHT lets anybody in."""

    RIGHT = "right"
    WRONG = "wrong"
    USED = "used before"
    """It was the right code, and it was used: the app shows the next one soon."""
    THROTTLED = "too many wrong codes"
    """Not looked at."""
    EXPIRED = "too late"
    """What it belongs to was begun too long ago, or never: begin anew."""
    UNAVAILABLE = "can't be checked now"
    """Not judged; why is in the log."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One that counts."""

    id: str
    """For `remove`."""
    kind: FactorKind
    name: str
    """What its owner calls it."""
    created_seconds: int
    used_seconds: int | None
    """When it was last right."""


@dataclass(frozen=True, slots=True)
class FactorState:
    """How an account stands."""

    factors: tuple[Factor, ...]
    recovery_codes: int
    """How many are left."""
    enforced: bool
    """Asked of every account, by `auth.multi_factor.require`."""

    @property
    def is_on(self) -> bool:
        """Whether the account has a factor."""
        return bool(self.factors)

    @property
    def app_passwords_only(self) -> bool:
        """Whether mail programs are refused with the account password."""
        return self.enforced or self.is_on


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A factor that waits for its first code. Shown once."""

    factor: str
    secret: Secret[str]
    """In base32, to be typed into an app that has no camera."""
    uri: Secret[str]
    """otpauth://, for the QR code."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A factor counts from now on."""

    factor: str
    recovery_codes: tuple[Secret[str], ...] = field(default=())
    """Made with an account's first factor, and shown once; else empty."""


def tidy_name(typed: str, otherwise: str) -> str:
    """A name for a factor that can stand in a table."""
    printable = "".join(each if each.isprintable() else " " for each in typed)
    return " ".join(printable.split())[:MAX_NAME_CHARACTERS] or otherwise
