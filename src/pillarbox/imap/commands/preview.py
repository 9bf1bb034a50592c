"""PREVIEW: the first words of a message, as text (RFC 8970).

fetch-att =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]; preview-mod = "LAZY"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pillarbox.imap.command import Area, Capability
from pillarbox.imap.commands.fetch_batch import Batch
from pillarbox.imap.replies import LOGGED_IN
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.mime.parts import PartMap
from pillarbox.mime.scan import Kind
from pillarbox.mime.text import part_text
from pillarbox.store.contract import Content, DigestField

MAX_CHARACTERS: Final = 200
"""RFC 8970 section 3.1: a preview has 200 characters at most."""

_LOOK_BYTES: Final = 256 * 1024
"""A text part larger than this has no preview: reading it all for one line is not worth it."""

_QUOTED: Final = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_SIGNATURE: Final = re.compile(r"^-- ?\r?$", re.MULTILINE)
"""RFC 3676 section 4.3; what follows is no news."""
_SPACE: Final = re.compile(r"[\s\u00a0\u200b\u200c\u00ad\ufeff]+")


def skip_modifiers(cursor: Cursor) -> None:
    """LAZY changes nothing: what is here comes at once. Other words in parentheses are modifiers of FETCH itself."""
    if cursor.skip_folded(b" (LAZY"):
        while cursor.skip_folded(b" LAZY"):
            pass
        cursor.expect(b")")


def preview_column(batch: Batch) -> Sequence[bytes]:
    """One nstring for each message; empty where there is nothing to read."""
    maps = batch.digests[DigestField.PARTS]
    return [
        string(preview(content, parts).encode("utf-8")) for content, parts in zip(batch.contents, maps, strict=True)
    ]


def preview(content: Content, parts: bytes) -> str:
    """The first text of the first readable part, quotations left out, in one line."""
    for part in PartMap.unpack(parts).leaves():
        if part.kind is Kind.LEAF and part.type == "text" and part.size <= _LOOK_BYTES:
            text = part_text(bytes(content.whole()), part)
            own = _QUOTED.sub("", _SIGNATURE.split(text, 1)[0])
            line = _SPACE.sub(" ", own).strip() or _SPACE.sub(" ", text).strip()
            if line:
                return line[:MAX_CHARACTERS]
    return ""


AREA = Area(capabilities=(Capability("PREVIEW", "8970", LOGGED_IN),))
