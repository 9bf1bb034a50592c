"""Judges a token: is it the issuer's, for this server, good now, and whose?

RFC 7519 section 4.1 and RFC 9068 section 4 for JSON Web Tokens, RFC 7662 for those that the issuer is asked about.

Must never: take the word of a token before its signature was verified.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError

from pillarbox.auth.contract import RefusalReason
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.auth.oauth.fetching import Fetcher
from pillarbox.auth.oauth.issuer import Issuer
from pillarbox.auth.oauth.settings import OAuthSettings, TokenCheck
from pillarbox.clock import Clock
from pillarbox.secret import Secret

_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""RFC 9068 section 2.1, and what issuers wrote before it. What is meant for anything else is none of these."""
_MOST_KEYS_TRIED: Final = 8
"""For a token that names no key."""
Claims = Mapping[str, object]


class TokenRefused(Exception):
    """It opens nothing. The text is for the operator, and holds nothing of the token."""

    def __init__(self, why: str, reason: RefusalReason = RefusalReason.TOKEN) -> None:
        super().__init__(why)
        self.reason = reason


class TokenOwner(NamedTuple):
    """What a good token says."""

    login_name: str
    """Prepared."""
    expires_seconds: float | None
    """Until when it opens anything; None where the issuer doesn't say."""


class TokenJudge:
    """Blocking; threads may share it."""

    def __init__(
        self, settings: OAuthSettings, issuer: Issuer, fetcher: Fetcher, client_secret: Secret[str], clock: Clock
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._fetcher = fetcher
        self._client_secret = client_secret
        self._clock = clock
        self._algorithms = [each.value for each in settings.algorithms]

    def owner(self, token: Secret[str]) -> TokenOwner:
        """Whose it is. Raises TokenRefused, IssuerUnavailable."""
        if self._settings.check is TokenCheck.KEYS:
            claims = self._verified(token.reveal())
            if claims.get("iss") != self._settings.issuer:
                raise TokenRefused("another issuer's")
            if "exp" not in claims:
                raise TokenRefused("never expires")
        else:
            claims = self._introspected(token)
            if claims.get("iss", self._settings.issuer) != self._settings.issuer:
                raise TokenRefused("another issuer's")
        self._check(claims)
        expires = _number(claims["exp"]) + self._settings.leeway_seconds if "exp" in claims else None
        return TokenOwner(self._name(claims), expires)

    def _verified(self, token: str) -> Claims:
        header = _header(token)
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise TokenRefused("of another type")
        if header.get("alg") not in self._algorithms:
            raise TokenRefused("signed with an algorithm that is not allowed")
        key_id = header.get("kid")
        keys = self._issuer.keys(key_id if isinstance(key_id, str) else None)
        registry = jws.JWSRegistry(algorithms=self._algorithms, strict_check_header=False)
        for key in keys[:_MOST_KEYS_TRIED]:
            try:
                verified = jws.deserialize_compact(token, key, registry=registry)
                return _object(verified.payload)
            except (JoseError, ValueError, TypeError):
                continue
        raise TokenRefused("not signed with a key of the issuer")

    def _introspected(self, token: Secret[str]) -> Claims:
        answer = self._fetcher.post(
            self._issuer.address("introspection_endpoint"),
            {"token": token.reveal(), "token_type_hint": "access_token"},
            self._settings.client_id,
            self._client_secret,
        )
        if answer.get("active") is not True:
            raise TokenRefused("not active")
        return answer

    def _check(self, claims: Claims) -> None:
        now, leeway = self._clock.now_seconds(), self._settings.leeway_seconds
        if "exp" in claims and not _number(claims["exp"]) > now - leeway:
            raise TokenRefused("expired", RefusalReason.TOKEN_EXPIRED)
        if "nbf" in claims and not _number(claims["nbf"]) <= now + leeway:
            raise TokenRefused("not good yet")
        if not set(_texts(claims.get("aud"))) & set(self._settings.audience):
            raise TokenRefused("for another audience")
        scopes = [word for text in _texts(claims.get("scope", claims.get("scp"))) for word in text.split()]
        if not set(scopes) >= set(self._settings.scopes):
            raise TokenRefused("without a scope that is asked for")

    def _name(self, claims: Claims) -> str:
        name = claims.get(self._settings.name_claim)
        if not isinstance(name, str):
            raise TokenRefused(f"without {self._settings.name_claim}")
        if self._settings.name_claim == "email" and claims.get("email_verified", True) is not True:
            raise TokenRefused("with an address that is not verified")
        try:
            return prepare_login_name(name)
        except LoginNameInvalid:
            raise TokenRefused(f"its {self._settings.name_claim} is no login name") from None


def _header(token: str) -> Claims:
    raw_header = token.partition(".")[0]
    try:
        return _object(base64.urlsafe_b64decode(raw_header + "=" * (-len(raw_header) % 4)))
    except ValueError:
        raise TokenRefused("no JSON Web Token") from None


def _object(data: bytes) -> Claims:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise TokenRefused("no JSON Web Token") from None
    if not isinstance(found, dict):
        raise TokenRefused("no JSON Web Token")
    return found


def _number(value: object) -> int | float:
    """NumericDate (RFC 7519 section 2). Python reads Infinity and NaN as well, which JSON has not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value in (math.inf, -math.inf):
        raise TokenRefused("with a time that is none")
    return value


def _texts(value: object) -> Sequence[str]:
    """A claim that may be one text or several."""
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
