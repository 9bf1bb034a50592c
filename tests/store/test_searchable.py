"""One message as text to be indexed."""

from __future__ import annotations

import random

from pillarbox.mime.digest import digest
from pillarbox.search.casemap import casemap_header
from pillarbox.store.searchable import UNKEPT, MessageBody, MessageHeader, index_text
from pillarbox.store.sqlite.contents import InlineContent

PIECES = (
    b"Subject", b"From", b"x-a", b":", b": ", b" :", b"\r\n", b"\r\n", b"\r\n ", b"\n\t", b"\n", b"\r", b" ", b"abc",
    b"=?", b"=?utf-8?q?a=C3=A9b_c?=", b"=?utf-8?b?w6k=?=", b"=?iso-2022-jp?b?GyRCJCIbKEI=?=", b'"X" <a@b>',
    b"\xc3\xa9", b"\xe9",)  # fmt: skip


def test_what_a_field_reads_alone_lies_in_what_is_indexed_of_the_header() -> None:
    dice, looked_at = random.Random("fields"), 0
    for number in range(4_000):
        pieces = [piece for piece in PIECES if number % 3 == 0 or piece.isascii()]
        raw = b"".join(dice.choices(pieces, k=dice.randrange(1, 25))) + b"\r\n\r\n"
        header = MessageHeader(raw)
        text = index_text(header, MessageBody(digest(raw).parts, InlineContent(raw)))
        for name in ("subject", "from", "x-a"):
            for value in header.values(name):
                for piece in (casemap_header(value), name + ":"):
                    if not UNKEPT.search(piece):
                        assert piece in text.header or piece in text.header_extras, (raw, piece)
                        looked_at += 1
    assert looked_at > 400
