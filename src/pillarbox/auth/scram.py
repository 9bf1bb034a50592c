"""SCRAM, without I/O: the server's side of RFC 5802, with SHA-256 as in RFC 7677.

Normalize(password) is this server's own (names.prepare_password, OpaqueString of RFC 8265); for passwords that
SASLprep leaves as they are, so nearly all, it is the same.

Must never: tell whether there is such a user; go on when somebody took channel binding out of what was offered.

    gs2-cbind-flag = ("p=" cb-name) / "n" / "y"
    gs2-header     = gs2-cbind-flag "," [ authzid ] ","
    client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]
    client-first-message = gs2-header client-first-message-bare
    server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions]
    client-final-message-without-proof = channel-binding "," nonce ["," extensions]
    client-final-message = client-final-message-without-proof "," proof
"""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Final

from pillarbox.auth.claims import ScramClaim
from pillarbox.auth.contract import Denied, Granted
from pillarbox.auth.sasl import Challenge, Failed, Lookup, SaslFault, Step, same_user
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from pillarbox.conversation import ChannelBindings

_NONCE_BYTES: Final = 18
"""144 bits, 24 characters."""
_PRINTABLE: Final = rb"[\x21-\x2b\x2d-\x7e]+"
_EXTENSIONS: Final = rb"(?:,[A-Za-z]=[^,\0]+)*"
_FIRST: Final = re.compile(
    rb"(?P<header>(?:(?P<flag>[ny])|p=(?P<type>[A-Za-z0-9.\-]+)),(?:a=(?P<authzid>[^,\0]+))?,)"
    rb"(?P<bare>n=(?P<name>[^,\0]+),r=(?P<nonce>" + _PRINTABLE + rb")" + _EXTENSIONS + rb")"
)
_FINAL: Final = re.compile(
    rb"(?P<unproved>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>" + _PRINTABLE + rb")" + _EXTENSIONS + rb")"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)"
)
_MALFORMED: Final = Failed(SaslFault.MALFORMED)


class Plus(enum.Enum):
    """Which of the two mechanisms of a hash."""

    BARE = ""
    PLUS = "-PLUS"
    """With channel binding."""


def _fresh_nonce() -> bytes:
    return base64.b64encode(secrets.token_bytes(_NONCE_BYTES))


class ScramMechanism:
    """One exchange: two answers of the client's, then a last word of the server's."""

    def __init__(
        self,
        hash: ScramHash,
        plus: Plus,
        bindings: ChannelBindings,
        fresh_nonce: Callable[[], bytes] = _fresh_nonce,
    ) -> None:
        """`bindings` are those of the connection; when there are any, both mechanisms must be offered on it."""
        self._hash = hash
        self._plus = plus
        self._bindings = bindings
        self._fresh_nonce = fresh_nonce
        self._header = b""
        self._binding = b""
        self._first_bare = b""
        self._server_first = b""
        self._nonce = b""
        self._login_name = ""
        self._auth_message = b""

    def start(self, initial: bytes | None) -> Step:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        if self._auth_message:
            return Failed(SaslFault.OVER)
        return self._final(data) if self._server_first else self._first(data)

    def decided(self, decision: Granted | Denied) -> bytes | None:
        """server-final-message = verifier ["," extensions]; a refusal is told by the protocol around."""
        if isinstance(decision, Denied):
            return None
        return b"v=" + base64.b64encode(decision.signature)

    def _first(self, data: bytes) -> Step:
        found = _FIRST.fullmatch(data)
        if found is None:
            return _MALFORMED
        fault = self._look_at_flag(found["flag"], found["type"])
        if fault is not None:
            return Failed(fault)
        try:
            name = _saslname(found["name"])
            authzid = _saslname(found["authzid"]) if found["authzid"] else name
        except ValueError:
            return _MALFORMED
        if not same_user(authzid, name):
            return Failed(SaslFault.AUTHZID_REFUSED)
        self._header, self._first_bare, self._login_name = found["header"], found["bare"], name
        self._nonce = found["nonce"] + self._fresh_nonce()
        return Lookup(self._hash, name, self._challenge)

    def _look_at_flag(self, flag: bytes | None, binding_type: bytes | None) -> SaslFault | None:
        """RFC 5802 section 6; the type of a channel binding is the client's choice."""
        if flag == b"y" and self._bindings.types:
            return SaslFault.DOWNGRADED
        if (binding_type is None) is (self._plus is Plus.PLUS):
            return SaslFault.MALFORMED
        if binding_type is not None:
            self._binding = self._bindings.data(binding_type.decode("ascii"))
            return None if self._binding else SaslFault.UNBINDABLE
        return None

    def _challenge(self, parameters: ScramParameters) -> Step:
        salt = base64.b64encode(parameters.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, parameters.iterations)
        return Challenge(self._server_first)

    def _final(self, data: bytes) -> Step:
        found = _FINAL.fullmatch(data)
        if found is None:
            return _MALFORMED
        try:
            said = base64.b64decode(found["binding"], validate=True)
            proof = base64.b64decode(found["proof"], validate=True)
        except binascii.Error:
            return _MALFORMED
        if not hmac.compare_digest(found["nonce"], self._nonce):
            proof = b""  # said before, to somebody else: it counts as a wrong password
        self._auth_message = b",".join((self._first_bare, self._server_first, found["unproved"]))
        bound = hmac.compare_digest(said, self._header + self._binding)
        return ScramClaim(self._login_name, self._hash, self._auth_message, proof, bound)


def _saslname(raw_name: bytes) -> str:
    """saslname = 1*(value-safe-char / "=2C" / "=3D"). Raises ValueError."""
    if re.search(rb"=(?!2C|3D)", raw_name):
        raise ValueError
    return raw_name.replace(b"=2C", b",").replace(b"=3D", b"=").decode("utf-8")
