"""A passkey in software: what a browser and its authenticator answer, made with `cryptography`.

WebAuthn Level 2 sections 5.8.1 (client data), 6.1 (authenticator data), 6.5 (attestation, here `none`). It can also
lie, for tests: each part that a server has to check can be given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT: Final = 0x01
VERIFIED: Final = 0x04
ATTESTED: Final = 0x40


class SoftwareAuthenticator:
    """One credential."""

    def __init__(self, origin: str = "https://mail.example.org") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = os.urandom(32)
        self.origin = origin
        self.sign_count = 0
        self.flags = PRESENT | VERIFIED
        self.framed = False

    def create(self, options: str) -> str:
        """navigator.credentials.create()"""
        asked = json.loads(options)
        client_data = self._client_data("webauthn.create", asked["challenge"])
        point = self.key.public_key().public_numbers()
        public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + public_key
        data = self._authenticator_data(asked["rp"]["id"], self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": _text(client_data), "attestationObject": _text(attestation)})

    def get(self, options: str, **lies: Any) -> str:  # whatever a liar says
        """navigator.credentials.get(); `challenge`, `rp_id` and `type` may be lied about."""
        asked = json.loads(options)
        client_data = self._client_data(lies.get("type", "webauthn.get"), lies.get("challenge", asked["challenge"]))
        self.sign_count += 1
        data = self._authenticator_data(lies.get("rp_id", asked["rpId"]), self.flags)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": _text(client_data),
                "authenticatorData": _text(data),
                "signature": _text(signature),
                "userHandle": None,
            }
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.framed}
        return json.dumps(said).encode()

    def _authenticator_data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def _answer(self, response: dict[str, str | None]) -> str:
        name = _text(self.credential)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
