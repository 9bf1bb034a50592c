"""Whose tokens are taken, and what must be in them.

Must never: hold a secret; the client's stays in its file.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path


class TokenAlgorithm(enum.Enum):
    """How tokens may be signed: asymmetric ones alone, so that a public key is never taken for a shared secret."""

    RS256 = "RS256"
    PS256 = "PS256"
    ES256 = "ES256"
    ES384 = "ES384"
    EDDSA = "EdDSA"


class TokenCheck(enum.Enum):
    """Who finds out whether a token is good."""

    KEYS = "keys"
    """This server, by the issuer's keys: JSON Web Tokens."""
    INTROSPECTION = "introspection"
    """The issuer, asked each time (RFC 7662): tokens of any kind, and revoked ones are out at once."""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """OAUTHBEARER and XOAUTH2 (docs/mechanisms.md)."""

    issuer: str = ""
    """Whose tokens open accounts, such as `https://login.example.org`: what stands before
    `/.well-known/openid-configuration`. Empty: nobody's, and neither mechanism is offered."""
    audience: tuple[str, ...] = ()
    """For whom tokens must be meant (`aud`); one of these. Must be set: the issuer's tokens for other services would
    open mailboxes."""
    check: TokenCheck = TokenCheck.KEYS
    """`keys`: tokens are JSON Web Tokens, verified here. `introspection`: the issuer is asked about each one."""
    name_claim: str = "email"
    """What in a token is the login name. Users must not be able to choose it at the issuer. An `email` that the issuer
    calls unverified is nobody's."""
    scopes: tuple[str, ...] = ()
    """What a token must all be good for; clients are told."""
    algorithms: tuple[TokenAlgorithm, ...] = (
        TokenAlgorithm.RS256,
        TokenAlgorithm.PS256,
        TokenAlgorithm.ES256,
        TokenAlgorithm.ES384,
        TokenAlgorithm.EDDSA,
    )
    """How tokens may be signed."""
    leeway_seconds: int = field(default=60, metadata={"minimum": 0})
    """How far the issuer's clock may be off."""
    keys_seconds: int = field(default=3600, metadata={"minimum": 60})
    """The issuer's keys are read again after so long, and, once a minute at most, when a token names another one."""
    timeout_seconds: float = 10.0
    """The issuer has so long to answer."""
    ca_file: Path | None = None
    """Authorities that vouch for the issuer's web server, PEM; none: those of the operating system."""
    client_id: str = ""
    """As whom this server asks, for `introspection`."""
    client_secret_file: Path | None = None
    """The secret for that, in a file that nobody else can read."""


def configuration_url(issuer: str) -> str:
    """Where the issuer describes itself."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"
