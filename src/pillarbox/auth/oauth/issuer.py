"""What the issuer says of itself: where its doors are, and its keys. Kept for some time.

OpenID Connect Discovery 1.0 section 4, RFC 8414, RFC 7517 (keys).

Must never: let a client make it ask the issuer more than once in a while.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from joserfc import jwk
from joserfc.errors import JoseError

from pillarbox.auth.oauth.fetching import Document, Fetcher, IssuerUnavailable
from pillarbox.auth.oauth.settings import OAuthSettings, configuration_url
from pillarbox.clock import Clock

_MOST_KEYS: Final = 50
_PAUSE_SECONDS: Final = 60.0
"""Between two questions, whatever clients send and however the first one ended."""
_STALE_SECONDS: Final = 24 * 3600.0
"""Keys serve on for so long while the issuer does not answer."""

_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
Key = jwk.Key


class Issuer:
    """Blocking; threads may share it."""

    def __init__(self, settings: OAuthSettings, fetcher: Fetcher, clock: Clock) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Sequence[Key] = ()
        self._read_at_seconds: float | None = None
        self._asked_at_seconds: float | None = None
        self._described: Document | None = None

    def keys(self, key_id: str | None) -> Sequence[Key]:
        """Those that a token may be signed with which names `key_id`, or none. Raises IssuerUnavailable."""
        found = self._named(key_id)
        if found and self._age_seconds() < self._settings.keys_seconds:
            return found
        with self._lock:
            self._read_again()
        if self._age_seconds() >= _STALE_SECONDS:
            raise IssuerUnavailable("the issuer's keys could not be read")
        return self._named(key_id)

    def address(self, name: str) -> str:
        """One of the issuer's doors, such as `introspection_endpoint`. Raises IssuerUnavailable."""
        with self._lock:
            found = self._describe().get(name)
        if not isinstance(found, str):
            raise IssuerUnavailable(f"the issuer names no {name}")
        return found

    def _named(self, key_id: str | None) -> Sequence[Key]:
        return [key for key in self._keys if key_id is None or key.kid == key_id]

    def _age_seconds(self) -> float:
        if self._read_at_seconds is None:
            return float("inf")
        return self._clock.monotonic_seconds() - self._read_at_seconds

    def _read_again(self) -> None:
        """Unless that was done, or tried, a moment ago."""
        now = self._clock.monotonic_seconds()
        if self._asked_at_seconds is not None and now - self._asked_at_seconds < _PAUSE_SECONDS:
            return
        self._asked_at_seconds = now
        try:
            url = self._describe().get("jwks_uri")
            listed = self._fetcher.get(url).get("keys") if isinstance(url, str) else None
        except IssuerUnavailable:
            if self._read_at_seconds is None:
                raise
            return
        if isinstance(listed, list):
            self._keys = [key for key in map(_usable, listed[:_MOST_KEYS]) if key is not None]
            self._read_at_seconds = now

    def _describe(self) -> Document:
        if self._described is None:
            described = self._fetcher.get(configuration_url(self._settings.issuer))
            if described.get("issuer") != self._settings.issuer:
                raise IssuerUnavailable("what describes the issuer names another one")
            self._described = described
        return self._described


def _usable(listed: object) -> Key | None:
    """A public key for signatures; None for anything else, of which there may be some."""
    if (
        not isinstance(listed, dict)
        or listed.get("use", "sig") != "sig"
        or listed.get("kty") not in ("RSA", "EC", "OKP")
    ):
        return None
    try:
        return jwk.import_key(listed)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
