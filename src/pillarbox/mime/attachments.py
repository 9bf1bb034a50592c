r"""Whether a message has attachments, found out from the heads of its parts without scanning the message.

For the keywords $HasAttachment and $HasNoAttachment of arriving mail: a test that costs microseconds for most mail. It
looks for lines that begin like a boundary and have header fields behind them. What quotes the source of a message with
attachments counts as having them; nothing that has them counts as having none.

Must never: be taken for the structure of a message (scan.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HEAD_BYTES: Final = 64 * 1024
"""Of the message's own header that is looked at."""
_PIECE_BYTES: Final = 1024 * 1024
"""Searched at a time: others want the interpreter in between."""
_OVERLAP_BYTES: Final = 8 * 1024
"""A part's head that begins in one piece is looked at whole up to here."""

_HEADER: Final = re.compile(rb"\A.*?(?:\r?\n\r?\n|\Z)", re.DOTALL)
# A boundary line, and the header fields behind it
_PART_HEAD: Final = re.compile(rb"\n--[^\r\n]{1,200}\r?\n((?:[!-9;-~]{1,100}:[^\n]*\n(?:[ \t][^\n]*\n)*){1,50})")
_TYPE: Final = re.compile(rb"(?:\A|\n)(?i:content-type)[ \t]*:\s*([!-.0-~]+)(?:/([!-:<-~]+))?")
_DISPOSITION: Final = re.compile(rb"(?:\A|\n)(?i:content-disposition)[ \t]*:\s*([!-:<-~]+)")
_SIGNATURES: Final = frozenset({b"pgp-signature", b"pkcs7-signature", b"x-pkcs7-signature", b"pgp-encrypted"})
"""No attachments to anybody but a program."""


def has_attachment(data: bytes | memoryview) -> bool:
    """Whether people would say that something is attached: a part that says so, or one that is no text, is not shown
    within the text (an image without a disposition is) and signs nothing. A report of non-delivery has none."""
    header = _HEADER.match(bytes(data[:_HEAD_BYTES]))
    head = header[0] if header else b""
    type_, subtype = _type_of(head)
    if type_ != b"multipart":
        return _is_attachment(head)
    if subtype == b"report":
        return False
    return any(map(_is_attachment, _part_heads(data, len(head))))


def _part_heads(data: bytes | memoryview, start: int) -> Iterator[bytes]:
    start = max(0, start - 2)
    for begin in range(start, len(data), _PIECE_BYTES):
        for found in _PART_HEAD.finditer(data, begin, min(len(data), begin + _PIECE_BYTES + _OVERLAP_BYTES)):
            yield bytes(found[1])


def _is_attachment(head: bytes) -> bool:
    type_, subtype = _type_of(head)
    if type_ == b"multipart" or subtype in _SIGNATURES:
        return False
    disposition = _DISPOSITION.search(head)
    if disposition:
        return disposition[1].lower() == b"attachment"
    return type_ not in (b"text", b"image")


def _type_of(head: bytes) -> tuple[bytes, bytes]:
    found = _TYPE.search(head)
    return (found[1].lower(), (found[2] or b"").lower()) if found else (b"text", b"plain")
