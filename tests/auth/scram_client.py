"""A SCRAM client of the tests' own, in memory: for what no honest client does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.contract import Attempt, Denied, Granted
from pillarbox.auth.exchange import Exchange
from pillarbox.auth.sasl import Challenge, Failed
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.auth.scram_keys import ScramHash
from pillarbox.conversation import ChannelBindings, Unbound


@dataclass(frozen=True, slots=True)
class Bound:
    """Channel bindings that all have the same octets."""

    types: Sequence[str]
    octets: bytes = b"binding"

    def data(self, binding_type: str) -> bytes:
        return self.octets if binding_type in self.types else b""


def client_proof(salt: bytes, iterations: int, message: bytes, password: bytes) -> bytes:
    """RFC 5802 section 3, with SHA-256."""
    client_key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, salt, iterations), b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    return bytes(a ^ b for a, b in zip(client_key, signature, strict=True))


@dataclass(frozen=True, slots=True)
class ScramLogin:
    """What the two ends see of the connection between them."""

    plus: Plus = Plus.BARE
    server: ChannelBindings = field(default_factory=Unbound)
    client: ChannelBindings = field(default_factory=Unbound)

    async def run(self, door: BuiltinAuthenticator, name: str, password: str, attempt: Attempt) -> Granted | Denied:
        """One exchange; checks what the server shows in the end."""
        exchange = Exchange(ScramMechanism(ScramHash.SHA_256, self.plus, self.server), door, door, attempt)
        header = b"p=tls-exporter,," if self.plus is Plus.PLUS else b"n,,"
        bare = b"n=%b,r=clientnonce" % name.encode()
        turn = await exchange.begin(header + bare)
        assert isinstance(turn, Challenge)
        fields = dict(part.split(b"=", 1) for part in turn.data.split(b","))
        binding = base64.b64encode(header + self.client.data("tls-exporter"))
        unproved = b"c=%b,r=%b" % (binding, fields[b"r"])
        message = b",".join((bare, turn.data, unproved))
        salt, iterations = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        proof = client_proof(salt, iterations, message, password.encode())
        turn = await exchange.answer(unproved + b",p=" + base64.b64encode(proof))
        assert not isinstance(turn, Failed)
        if isinstance(turn, Challenge):
            salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
            expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
            assert turn.data == b"v=" + base64.b64encode(expected)
            turn = await exchange.answer(b"")
        assert isinstance(turn, Granted | Denied)
        return turn
