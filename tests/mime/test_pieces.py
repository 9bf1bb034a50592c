"""Large texts in pieces are the same texts, and no piece is large."""

from __future__ import annotations

import base64
import quopri
import random

import pytest

from pillarbox.mime.digest import digest
from pillarbox.mime.parts import PartMap
from pillarbox.mime.pieces import WHOLE_BYTES, part_pieces
from pillarbox.mime.text import part_text
from pillarbox.search.casemap import casemap, casemap_pieces

TEXTS = {
    "us-ascii": "A lantern swings over the harbour = 100 %.\r\n",
    "utf-8": "Größe Köln λαμπτήρας фонарь ランタン灯籠 🏮 end\r\n",
    "iso-8859-1": "Straße, fenêtre, ningún\r\n",
    "shift_jis": "ランタンが港で揺れている\r\n",
    "gb18030": "灯笼在港口摇晃\r\n",
    "utf-16": "lantern Größe\r\n",
}


def message(text: bytes, charset: str, encoding: str, subtype: str = "plain") -> bytes:
    match encoding:
        case "base64":
            text = base64.encodebytes(text).replace(b"\n", b"\r\n")
        case "quoted-printable":
            text = quopri.encodestring(text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        case _:
            pass
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + text


def both(raw: bytes) -> tuple[list[str], str]:
    (part,) = PartMap.unpack(digest(raw).parts).leaves()
    assert part.size > WHOLE_BYTES
    return list(part_pieces(raw, part)), part_text(raw, part)


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
@pytest.mark.parametrize("charset", TEXTS)
def test_pieces_make_the_whole_text(charset: str, encoding: str) -> None:
    text = TEXTS[charset] * (WHOLE_BYTES * 2 // len(TEXTS[charset]))
    pieces, whole = both(message(text.encode(charset), charset, encoding))
    assert "".join(pieces) == whole
    assert len(pieces) > 4
    assert max(map(len, pieces)) <= 128 * 1024


def test_pieces_of_utf_8_without_any_line_end_cut_no_character() -> None:
    text = "灯籠🏮é" * 60_000
    pieces, whole = both(message(text.encode(), "utf-8", "base64"))
    assert "".join(pieces) == whole == text


def test_pieces_of_one_quoted_printable_line_cut_no_escape() -> None:
    raw = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    pieces, whole = both(raw + b"=C3=A9 x" * 80_000)
    assert "".join(pieces) == whole == "é x" * 80_000


def test_pieces_of_html_make_what_is_seen() -> None:
    paragraph = "<p>One &amp; <b>t</b>wo<br>three <!-- no --><style>p {}</style> é&eacute;</p>\r\n\t "
    pieces, whole = both(message((paragraph * 12_000).encode(), "utf-8", "8bit", "html"))
    assert "".join(pieces) == whole
    assert max(map(len, pieces)) <= 256 * 1024


def test_html_that_is_one_text_without_a_tag_comes_in_pieces() -> None:
    pieces, whole = both(message(b"lantern  over\r\nthe harbour " * 40_000, "utf-8", "8bit", "html"))
    assert "".join(pieces) == whole
    assert max(map(len, pieces)) <= 128 * 1024


def test_broken_base64_in_pieces_reads_as_at_once() -> None:
    seed = random.Random(7)
    lines = [base64.b64encode(bytes(seed.choices(b"lantern harbour ", k=seed.randint(1, 57)))) for _ in range(9_000)]
    raw = message(b"", "us-ascii", "8bit").replace(b"8bit", b"base64") + b"\r\n!".join(lines)
    pieces, whole = both(raw)
    assert "".join(pieces).startswith(whole)  # which stops after a thousand texts
    assert len(whole) > 10_000


def test_folding_pieces_is_folding_the_whole_wherever_they_are_cut() -> None:
    text = ("Große Straße é가각 " + "e\u0301" * 9 + "\u1100\u1161\u11a8") * 4_000
    for size in (1, 7, 999, 65_536, 200_000):
        if size == 1:
            text = text[:70_000]
        cut = (text[at : at + size] for at in range(0, len(text), size))
        assert "".join(casemap_pieces(cut, 0)) == casemap(text)
