"""A SCRAM client of the tests' own, in memory: for what no honest client does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
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


def client_first(header: bytes, name: str) -> bytes:
    """client-first-message"""
    return header + _bare(name)


def client_final(header: bytes, binding: bytes, name: str, password: str) -> Callable[[bytes], bytes]:
    """What makes client-final-message of server-first-message."""

    def final(server_first: bytes) -> bytes:
        fields = dict(part.split(b"=", 1) for part in server_first.split(b","))
        unproved = b"c=%b,r=%b" % (base64.b64encode(header + binding), fields[b"r"])
        message = b",".join((_bare(name), server_first, unproved))
        proof = client_proof(base64.b64decode(fields[b"s"]), int(fields[b"i"]), message, password.encode())
        return unproved + b",p=" + base64.b64encode(proof)

    return final


def _bare(name: str) -> bytes:
    return b"n=%b,r=clientnonce" % name.encode()


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
        turn = await exchange.begin(client_first(header, name))
        assert isinstance(turn, Challenge)
        first, final = turn.data, client_final(header, self.client.data("tls-exporter"), name, password)(turn.data)
        turn = await exchange.answer(final)
        assert not isinstance(turn, Failed)
        if isinstance(turn, Challenge):
            fields = dict(part.split(b"=", 1) for part in first.split(b","))
            salt, iterations = base64.b64decode(fields[b"s"]), int(fields[b"i"])
            salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
            message = b",".join((_bare(name), first, final.rpartition(b",p=")[0]))
            expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
            assert turn.data == b"v=" + base64.b64encode(expected)
            turn = await exchange.answer(b"")
        assert isinstance(turn, Granted | Denied)
        return turn
