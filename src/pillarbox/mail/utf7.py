"""Modified UTF-7 (RFC 3501 section 5.1.3): mailbox names of IMAP4rev1, and folder names of a Maildir on disk."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_SHIFTED: Final = re.compile(r"&([^-]*)-")
_NOT_DIRECT: Final = re.compile(r"&|[^\x20-\x7e]+")


class InvalidUtf7(ValueError):
    """Not what an encoder would have written: refused, so that no mailbox has two spellings."""


def decode_utf7(data: bytes) -> str:
    """The text of a modified UTF-7 name.

    Raises InvalidUtf7 for 8-bit or control characters, bad or needless encoding, and lone surrogates.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidUtf7("8-bit characters") from None
    if text.isprintable() and "&" not in text:
        return text
    decoded = _SHIFTED.sub(_decode_shifted, text)
    if encode_utf7(decoded) != data:
        raise InvalidUtf7("not the canonical form")
    return decoded


def _decode_shifted(found: re.Match[str]) -> str:
    code = found[1]
    if not code:
        return "&"
    padded = code.replace(",", "/") + "=" * (-len(code) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidUtf7("bad base64") from None


def encode_utf7(name: str) -> bytes:
    """The modified UTF-7 form of a name. Raises InvalidUtf7 for lone surrogates."""
    try:
        return _NOT_DIRECT.sub(_encode_shifted, name).encode("ascii")
    except UnicodeEncodeError:
        raise InvalidUtf7("lone surrogate") from None


def _encode_shifted(found: re.Match[str]) -> str:
    text = found[0]
    if text == "&":
        return "&-"
    code = base64.b64encode(text.encode("utf-16-be")).rstrip(b"=").decode("ascii")
    return "&" + code.replace("/", ",") + "-"
