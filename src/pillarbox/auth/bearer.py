"""OAUTHBEARER (RFC 7628) and XOAUTH2, as mechanisms without I/O.

A refused token is told of in a challenge, as JSON; the client answers with one octet, then the login fails.

Must never: look into a token.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from pillarbox.auth.claims import TokenClaim
from pillarbox.auth.contract import TRY_LATER, Denied, Granted
from pillarbox.auth.sasl import Challenge, Failed, SaslFault, Step
from pillarbox.secret import Secret

_MALFORMED: Final = Failed(SaslFault.MALFORMED)
_BEARER: Final = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[A-Za-z0-9\-._~+/]+=*) *")
"""RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token"""
_OAUTHBEARER: Final = re.compile(
    rb"[ny],(?:a=(?P<name>[^,\0]+))?,\x01(?P<pairs>(?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01"
)
_XOAUTH2: Final = re.compile(rb"user=(?P<name>[^\0\x01]+)\x01(?P<pairs>auth=[\x20-\x7e]*\x01)\x01")


@dataclass(frozen=True, slots=True)
class TokenGuide:
    """What a client is told that came with a bad token."""

    scope: str
    configuration_url: str
    """Where to find out about the issuer."""


class BearerMechanism:
    """RFC 7628 section 3.1:

    kvpair      = key "=" value kvsep
    client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
    """

    _message = _OAUTHBEARER

    def __init__(self, guide: TokenGuide) -> None:
        self._guide = guide

    def start(self, initial: bytes | None) -> Step:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        found = self._message.fullmatch(data)
        if found is None:
            return _MALFORMED
        tokens = [pair[5:] for pair in found["pairs"].split(b"\x01") if pair.lower().startswith(b"auth=")]
        bearer = _BEARER.fullmatch(tokens[0]) if len(tokens) == 1 else None
        try:
            name = self._name(found["name"] or b"")
        except ValueError:
            return _MALFORMED
        return _MALFORMED if bearer is None else TokenClaim(name, Secret(bearer["token"].decode("ascii")))

    def decided(self, decision: Granted | Denied) -> bytes | None:
        """RFC 7628 section 3.2.2. A token that was not judged is not called bad: the client would throw it away."""
        if isinstance(decision, Granted) or decision.reason in TRY_LATER:
            return None
        return json.dumps(self._told(), separators=(",", ":")).encode()

    def _name(self, raw_name: bytes) -> str:
        """Of a GS2 header. Raises ValueError."""
        if re.search(rb"=(?!2C|3D)", raw_name):
            raise ValueError
        return raw_name.replace(b"=2C", b",").replace(b"=3D", b"=").decode("utf-8")

    def _told(self) -> dict[str, str]:
        told = {"status": "invalid_token", "openid-configuration": self._guide.configuration_url}
        return told | ({"scope": self._guide.scope} if self._guide.scope else {})


class XOAuth2Mechanism(BearerMechanism):
    """What came before OAUTHBEARER and many clients still speak; Google's and Microsoft's documents describe it:

    "user=" {name} ^A "auth=Bearer " {token} ^A ^A
    """

    _message = _XOAUTH2

    def _name(self, raw_name: bytes) -> str:
        return raw_name.decode("utf-8")

    def _told(self) -> dict[str, str]:
        return {"status": "401", "schemes": "bearer", "scope": self._guide.scope}
