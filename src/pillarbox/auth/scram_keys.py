"""What SCRAM keeps instead of a password, and what can be shown with it (RFC 5802 section 3, RFC 7677).

    SaltedPassword  := Hi(Normalize(password), salt, i)
    ClientKey       := HMAC(SaltedPassword, "Client Key")
    StoredKey       := H(ClientKey)
    ClientSignature := HMAC(StoredKey, AuthMessage)
    ClientProof     := ClientKey XOR ClientSignature
    ServerKey       := HMAC(SaltedPassword, "Server Key")
    ServerSignature := HMAC(ServerKey, AuthMessage)

Must never: compare in a time that depends on what is compared.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from pillarbox.secret import Secret

LEAST_ITERATIONS: Final = 4_096
"""RFC 7677 section 4: the minimum."""


class ScramHash(enum.Enum):
    """By the name of the mechanism without channel binding."""

    SHA_256 = "SCRAM-SHA-256"
    SHA_1 = "SCRAM-SHA-1"
    """For clients that know no other."""

    @property
    def algorithm(self) -> str:
        """As hashlib calls it."""
        return "sha256" if self is ScramHash.SHA_256 else "sha1"


@dataclass(frozen=True, slots=True)
class ScramParameters:
    """What a client needs to make its proof; no secret."""

    salt: bytes
    iterations: int


@dataclass(frozen=True, slots=True, repr=False)
class ScramKeys:
    """What is kept for one password and hash. With StoredKey passwords can be tried out, without the server."""

    hash: ScramHash
    parameters: ScramParameters
    stored_key: bytes
    server_key: bytes

    def fits(self, auth_message: bytes, proof: bytes) -> bool:
        """Whether a client proof was made with the password."""
        signature = _hmac(self.hash, self.stored_key, auth_message)
        if len(proof) != len(signature):
            return False
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.new(self.hash.algorithm, client_key).digest(), self.stored_key)

    def signature(self, auth_message: bytes) -> bytes:
        """ServerSignature: shows the client that the server knows the password too."""
        return _hmac(self.hash, self.server_key, auth_message)


def derive_keys(hash: ScramHash, prepared: Secret[bytes], parameters: ScramParameters) -> ScramKeys:
    """The keys of a prepared password (names.prepare_password). Takes as long as the iterations do: not on a loop."""
    salted = hashlib.pbkdf2_hmac(hash.algorithm, prepared.reveal(), parameters.salt, parameters.iterations)
    client_key = _hmac(hash, salted, b"Client Key")
    stored_key = hashlib.new(hash.algorithm, client_key).digest()
    return ScramKeys(hash, parameters, stored_key, _hmac(hash, salted, b"Server Key"))


def _hmac(hash: ScramHash, key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hash.algorithm)
