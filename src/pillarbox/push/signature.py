"""How a webhook is signed: HMAC-SHA256 over timestamp, a dot, and the body (RFC 2104).

Must never: compare with ==, or print a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final

SIGNATURE_HEADER: Final = "Pillarbox-Signature"
TIMESTAMP_HEADER: Final = "Pillarbox-Timestamp"
TOLERANCE_SECONDS: Final = 300
"""Older ones may be somebody's recording, played again."""


class SignatureInvalid(Exception):
    """This did not come from who knows the secret, or not now."""


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of the header: `v1=` and 64 hexadecimal digits."""
    return "v1=" + hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def verify_signature(
    secret: bytes,
    timestamp: str,
    signature: str,
    body: bytes,
    *,
    now_seconds: float | None = None,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """For who receives a webhook: the two headers as they came and the body's exact bytes. Raises SignatureInvalid."""
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise SignatureInvalid("the timestamp is no number")
    now = time.time() if now_seconds is None else now_seconds
    if abs(now - int(timestamp)) > tolerance_seconds:
        raise SignatureInvalid("the timestamp is too far from now")
    expected = sign(secret, int(timestamp), body).encode()
    if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
        raise SignatureInvalid("the signature is another one")
