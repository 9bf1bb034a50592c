"""Writes the words of the grammar. What goes out is always legal: RFC 9051 section 9, RFC 3501 section 9.

Must never: let a value break out of its place (CR, LF, quotes).
"""

from __future__ import annotations

import re
from typing import Final

from pillarbox.mail.utf7 import encode_utf7

_PLAIN: Final = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]{0,1000}")
_QUOTABLE: Final = re.compile(rb"[\x20-\x7e]{0,1000}")
_ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]{1,255}')


def literal(data: bytes) -> bytes:
    """literal = "{" number "}" CRLF *CHAR8"""
    return b"{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """string: quoted when 7-bit, printable and short, else a literal (its NULs dropped: CHAR8 has none)."""
    if _PLAIN.fullmatch(data):
        return b'"%b"' % data
    if _QUOTABLE.fullmatch(data):
        return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return literal(data.replace(b"\0", b""))


def nstring(data: bytes | None) -> bytes:
    """nstring = string / nil"""
    return b"NIL" if data is None else string(data)


def astring(data: bytes) -> bytes:
    """An atom where one will do, else a string. NIL as text is quoted."""
    return data if _ATOM.fullmatch(data) and data.upper() != b"NIL" else string(data)


def utf8_quoted(text: str) -> bytes:
    """quoted with UTF-8 in it: only for clients that enabled IMAP4rev2 or UTF8=ACCEPT. `text` has no controls."""
    return b'"%b"' % text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8")


def mailbox_name(name: str, *, utf8: bool) -> bytes:
    """mailbox = "INBOX" / astring: modified UTF-7, or UTF-8 for clients that enabled it."""
    if name.isascii() and "&" not in name:
        return astring(name.encode("ascii"))
    return utf8_quoted(name) if utf8 else astring(encode_utf7(name))


def resp_text(text: str) -> bytes:
    """resp-text without a code: one line, never empty, never starting with `[`."""
    line = re.sub(r"[^\x20-\x7e]+", " ", text).lstrip(" [").rstrip()
    return (line or "Done").encode("ascii")
