r"""Strings as IMAP writes them, legal for every client without UTF8=ACCEPT.

Must never: let 8-bit, control characters, CR or LF into a quoted string, or NUL into anything.
RFC 3501 and RFC 9051 section 9:

    nstring         = string / nil
    string          = quoted / literal
    quoted          = DQUOTE *QUOTED-CHAR DQUOTE
    literal         = "{" number "}" CRLF *CHAR8      ; CHAR8 = %x01-ff
"""

from __future__ import annotations

import re
from typing import Final

NIL: Final = b"NIL"
MAX_QUOTED_BYTES: Final = 1_000
"""Longer strings go as literals: some clients read quoted strings into fixed buffers (swift-nio-imap: 8 KB lines)."""

_NUL_REPLACEMENT: Final = "�".encode()
_plain = re.compile(rb"[\t !#-\[\]-~]{0,%d}" % MAX_QUOTED_BYTES).fullmatch
_quotable = re.compile(rb"[\t -~]{0,%d}" % MAX_QUOTED_BYTES).fullmatch


def string(value: bytes) -> bytes:
    """`value` as a quoted string or a literal. NUL, which neither can carry, becomes U+FFFD."""
    if _plain(value):
        return b'"%b"' % value
    if _quotable(value):
        return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    value = value.replace(b"\0", _NUL_REPLACEMENT)
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """`value` as string(), or NIL for None."""
    return NIL if value is None else string(value)
