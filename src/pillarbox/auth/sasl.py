"""SASL mechanisms as objects without I/O: bytes in, a step out (RFC 4422); here those that carry a password.

PLAIN is RFC 4616; LOGIN is draft-murchison-sasl-login-00, as clients speak it. Base64 belongs to the protocol around.

Must never: check a password, or keep one after it was handed over.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pillarbox.auth.claims import Claim, PasswordClaim
from pillarbox.auth.contract import Denied, Granted
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from pillarbox.secret import Secret


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this, then call `respond` with what the client answers."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Lookup:
    """Find out what SCRAM wants to know of a name, then go on with `then`."""

    hash: ScramHash
    login_name: str
    then: Callable[[ScramParameters], Step]


class SaslFault(enum.Enum):
    """Why an exchange can't lead to a login."""

    MALFORMED = "malformed response"
    """Not what the mechanism's grammar allows: the client's mistake, whatever the password."""
    AUTHZID_REFUSED = "acting as somebody else is not allowed"
    """A well-formed request to act as another user."""
    DOWNGRADED = "the client was told that there is no channel binding"
    """Somebody in between took it out of the list (RFC 5802 section 6)."""
    UNBINDABLE = "the client asks for a channel binding that there is not"
    UNCERTAIN = "the certificate has no name for an account, or several"
    OVER = "more was said than the mechanism has"


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over without a login."""

    fault: SaslFault


Step = Challenge | Lookup | Claim | Failed
_MALFORMED: Final = Failed(SaslFault.MALFORMED)


class Mechanism(Protocol):
    """One exchange; an object serves one AUTHENTICATE."""

    def start(self, initial: bytes | None) -> Step:
        """Begin, with the client's initial response or None when it sent none."""
        ...

    def respond(self, data: bytes) -> Step:
        """The client's answer to the last challenge."""
        ...

    def decided(self, decision: Granted | Denied) -> bytes | None:
        """What the client must be told before the exchange ends; None: nothing."""
        ...


class LastWord:
    """For mechanisms that end with what the client said."""

    def decided(self, decision: Granted | Denied) -> bytes | None:
        return None


class PlainMechanism(LastWord):
    """RFC 4616 section 2:

    message = [authzid] UTF8NUL authcid UTF8NUL passwd
    authcid = 1*SAFE ; MUST accept up to 255 octets
    authzid = 1*SAFE ; MUST accept up to 255 octets
    passwd  = 1*SAFE ; MUST accept up to 255 octets
    """

    def start(self, initial: bytes | None) -> Step:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        parts = data.split(b"\0")
        if len(parts) != 3:
            return _MALFORMED
        try:
            authzid, authcid, password = (part.decode("utf-8") for part in parts)
        except UnicodeDecodeError:
            return _MALFORMED
        if not authcid or not password:
            return _MALFORMED
        if authzid and not same_user(authzid, authcid):
            return Failed(SaslFault.AUTHZID_REFUSED)
        return PasswordClaim(authcid, Secret(password))


class LoginMechanism(LastWord):
    """draft-murchison-sasl-login-00 section 2: the user name, then the password, each in an answer of its own.

    The draft's challenges are "User Name" and "Password"; clients in use look for "Username:" and "Password:" or for
    nothing. An initial response is the user name: the draft has none, some clients send it all the same.
    """

    def __init__(self) -> None:
        self._login_name: str | None = None

    def start(self, initial: bytes | None) -> Step:
        return Challenge(b"Username:") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return _MALFORMED
        if not text or "\0" in text:
            return _MALFORMED
        if self._login_name is None:
            self._login_name = text
            return Challenge(b"Password:")
        return PasswordClaim(self._login_name, Secret(text))


PASSWORD_MECHANISMS: Final[Mapping[str, Callable[[], Mechanism]]] = {"PLAIN": PlainMechanism, "LOGIN": LoginMechanism}
"""By the name in CAPABILITY."""


def same_user(authzid: str, authcid: str) -> bool:
    """Whether somebody acts as nobody else, in any spelling."""
    try:
        return prepare_login_name(authzid) == prepare_login_name(authcid)
    except LoginNameInvalid:
        return authzid == authcid
