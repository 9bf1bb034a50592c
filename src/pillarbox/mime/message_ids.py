"""Message IDs in Message-ID, References and In-Reply-To, in the one form in which they are compared.

RFC 5256 section 3: "Implementations [...] MUST normalize any msg-id in order to avoid false non-matches due to
differences in quoting." RFC 5322 section 3.6.4 and 4.5.4:

    msg-id   = [CFWS] "<" id-left "@" id-right ">" [CFWS]
    id-left  = dot-atom-text / no-fold-quote / local-part       ; quoted: "..." with backslashes
    id-right = dot-atom-text / no-fold-literal / domain

Tolerant: any characters but white space and brackets may stand in an id, and more than one "@".
Must never: raise, or take more than linear time.
"""

from __future__ import annotations

import re
from typing import Final

from pillarbox.mime.parameters import without_comments

_ENCLOSED: Final = re.compile(rb'<((?:[^<>"]++|"(?:[^"\\<]++|\\[^<])*+")*+)>')
"""No "<" within, not even quoted: so each byte is looked at once, however many of them open nothing."""
_AROUND_MARKS: Final = re.compile(rb" ?([.@]) ?")
_WHITE: Final = re.compile(rb"[ \t\r\n]")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


def message_ids(value: bytes) -> list[bytes]:
    """The valid ids of a field's value, in their order, without their angle brackets and quoting."""
    found = (_normalised(enclosed) for enclosed in _ENCLOSED.findall(without_comments(value)))
    return [one for one in found if one]


def _normalised(enclosed: bytes) -> bytes:
    """What stands between angle brackets as it is compared; empty when it is no id."""
    if b'"' in enclosed or b"\\" in enclosed:
        enclosed = _QUOTED.sub(lambda quoted: _ESCAPED.sub(rb"\1", quoted[1]), enclosed)
    elif _WHITE.search(enclosed):
        enclosed = _AROUND_MARKS.sub(rb"\1", b" ".join(enclosed.split()))
        if _WHITE.search(enclosed):
            return b""
    left, at, right = enclosed.rpartition(b"@")
    return enclosed if left and at and right else b""
