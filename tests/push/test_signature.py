"""Who knows the secret, and nobody else, can sign a webhook."""

from __future__ import annotations

import pytest

from pillarbox.automation import SignatureInvalid, verify_signature
from pillarbox.push.signature import sign

SECRET = b"0123456789abcdef"
NOW = 1_780_000_000


def test_the_signature_is_hmac_sha256_of_timestamp_dot_body() -> None:
    # printf '1780000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
    expected = "v1=2c48252c6a47fdb9b333f61ba8d2f35f0f966922f9eeba7a6fc8d7e3e5ba2b4b"
    assert sign(SECRET, NOW, b"{}") == expected


def test_what_was_signed_is_taken() -> None:
    verify_signature(SECRET, str(NOW), sign(SECRET, NOW, b"{}"), b"{}", now_seconds=NOW + 299)


@pytest.mark.parametrize(
    ("timestamp", "signature", "body", "now"),
    [
        (str(NOW), sign(b"another secret..", NOW, b"{}"), b"{}", NOW),
        (str(NOW), sign(SECRET, NOW, b"{}"), b"{ }", NOW),
        (str(NOW + 1), sign(SECRET, NOW, b"{}"), b"{}", NOW),
        (str(NOW), sign(SECRET, NOW, b"{}"), b"{}", NOW + 301),
        ("soon", sign(SECRET, NOW, b"{}"), b"{}", NOW),
        (str(NOW), "é", b"{}", NOW),
    ],
    ids=["secret", "body", "timestamp", "old", "no number", "nonsense"],
)
def test_anything_else_is_not(timestamp: str, signature: str, body: bytes, now: float) -> None:
    with pytest.raises(SignatureInvalid):
        verify_signature(SECRET, timestamp, signature, body, now_seconds=now)
