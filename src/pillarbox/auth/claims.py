"""What somebody shows at a door to be let in; an Authenticator decides about it.

Must never: print or keep a secret beyond the one decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.auth.scram_keys import ScramHash
from pillarbox.secret import Secret


@dataclass(frozen=True, slots=True)
class PasswordClaim:
    """A password in clear, as PLAIN and LOGIN bring it."""

    login_name: str
    """As typed; likewise in the others."""
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class ScramClaim:
    """A proof of knowing the password (RFC 5802 section 3)."""

    login_name: str
    hash: ScramHash
    auth_message: bytes
    """What both sides said."""
    proof: bytes
    """ClientProof; of any length."""
    bound: bool = True
    """Whether the client and this server see the same TLS connection, as far as the client said."""


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """A bearer token of an authorization server (RFC 6750)."""

    login_name: str
    """As whom the client wants to act; empty when it leaves that to the token."""
    token: Secret[str]


@dataclass(frozen=True, slots=True)
class VouchedClaim:
    """Somebody whom the operator named has checked who it is: an authority of certificates, an issuer of tokens."""

    login_name: str


Claim = PasswordClaim | ScramClaim | TokenClaim | VouchedClaim
