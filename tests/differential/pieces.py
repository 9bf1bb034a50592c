"""What families of messages are built from: words of many languages, headers, parts, encodings, the table.

The bytes are put together by hand, not by the email package, which would repair what is meant to be broken.
Must never: depend on the clock, on dict order or on the machine.
"""

from __future__ import annotations

import base64
import quopri
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CRLF = b"\r\n"


WORDS = re.findall(
    r"\w+",
    "lantern harbour willow ledger compass granite meadow cinder orchard velvet thimble saffron quarry beacon pewter "
    "juniper anvil mosaic parcel raven tundra walnut zephyr kettle ivory fjord brisk oblique marigold tempest",
)
NATIVE = {
    "de": ("Grüße aus Österreich", "Die Füchse schlafen süß über den Dächern.", "Jörg Müller"),
    "fr": ("Réunion de l’été prochain", "Où êtes-vous allés hier, chère Noëlle ?", "Hélène Bérénger"),
    "pl": ("Zażółć gęślą jaźń", "Łódź płynie po źródle.", "Łukasz Żółć"),
    "ru": ("Привет из Москвы", "Съешь ещё этих мягких французских булок.", "Иван Петров"),
    "el": ("Καλημέρα σας", "Η γρήγορη αλεπού πηδά.", "Γιώργος Παπάς"),
    "he": ("שלום לכולם", "דג סקרן שט בים מאוכזב.", "דוד כהן"),
    "ar": ("مرحبا بالعالم", "نص حكيم له سر قاطع.", "محمد علي"),
    "ja": ("会議のお知らせ", "いろはにほへと散りぬるを。", "山田太郎"),
    "zh": ("关于下周的会议", "我能吞下玻璃而不伤身体。", "王小明"),
    "ko": ("안녕하세요 여러분", "키스의 고유조건은 입술끼리 만나야 한다.", "김철수"),
    "hi": ("नमस्ते दुनिया", "ऋषियों को सताने वाले राक्षस।", "राम शर्मा"),
    "emoji": ("Party 🎉 tonight 🥳", "Bring 🍕 and 🎸!", "Zoë 🦊"),
}
CHARSETS = {
    "de": ("iso-8859-1", "windows-1252", "utf-8"),
    "fr": ("iso-8859-15", "windows-1252", "utf-8"),
    "pl": ("iso-8859-2", "windows-1250", "utf-8"),
    "ru": ("koi8-r", "windows-1251", "iso-8859-5", "utf-8"),
    "el": ("iso-8859-7", "windows-1253", "utf-8"),
    "he": ("iso-8859-8", "windows-1255", "utf-8"),
    "ar": ("windows-1256", "utf-8"),
    "ja": ("iso-2022-jp", "shift_jis", "euc-jp", "utf-8"),
    "zh": ("gb2312", "gbk", "big5", "utf-8"),
    "ko": ("euc-kr", "utf-8"),
    "hi": ("utf-8",),
    "emoji": ("utf-8",),
}
Maker = Callable[[random.Random, int], bytes]


@dataclass(slots=True)
class Families:
    """The table of families: a maker and how many messages it makes."""

    rows: list[tuple[str, int, Maker]] = field(default_factory=list)

    def add(self, name: str, count: int) -> Callable[[Maker], Maker]:
        """Enter a maker."""

        def enter(maker: Maker) -> Maker:
            self.rows.append((name, count, maker))
            return maker

        return enter

    def add_texts(self, name: str, texts: Sequence[bytes]) -> None:
        """Enter messages that are written out, one after another."""
        self.rows.append((name, len(texts), lambda _, index: texts[index]))


def sentence(dice: random.Random, words: int = 8) -> str:
    """Plain words."""
    return " ".join(dice.choice(WORDS) for _ in range(words)).capitalize() + "."


def prose(dice: random.Random, lines: int) -> bytes:
    """Plain text, some lines of it quoted or dotted."""
    starts = ("", "", "", "> ", "-- ", ".")
    return b"".join((dice.choice(starts) + sentence(dice)).encode() + CRLF for _ in range(lines))


def head(dice: random.Random, subject: str, *more: str) -> bytes:
    """From, To, Date, Message-ID, Subject and further lines, without the empty line."""
    day = dice.randrange(1, 29)
    lines = [
        f"From: {dice.choice(WORDS).title()} {dice.choice(WORDS).title()} <{dice.choice(WORDS)}@example.org>",
        f'To: {dice.choice(WORDS)}@example.com, "{dice.choice(WORDS)}, {dice.choice(WORDS)}" <b@example.net>',
        f"Date: {dice.choice(('Mon', 'Thu', 'Sat'))}, {day} {dice.choice(('Mar', 'Jul', 'Nov'))} "
        f"{dice.randrange(2001, 2024)} {dice.randrange(24):02d}:11:59 {dice.choice(('+0000', '-0800', '+0530'))}",
        f"Message-ID: <{dice.randrange(10**9)}.{dice.randrange(10**6)}@example.org>",
        f"Subject: {subject}",
        *more,
    ]
    return "".join(line + "\r\n" for line in lines).encode("utf-8")


def mime_head(dice: random.Random, subject: str, content_type: str, *more: str) -> bytes:
    """head() with MIME-Version and Content-Type."""
    return head(dice, subject, "MIME-Version: 1.0", f"Content-Type: {content_type}", *more)


def multipart(boundary: str, *parts: bytes, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    """Whole parts (header and body) between boundaries."""
    mark = b"--" + boundary.encode()
    return preamble + b"".join(mark + CRLF + part + CRLF for part in parts) + mark + b"--" + CRLF + epilogue


def part(header: str, body: bytes) -> bytes:
    """One part: header lines separated by newlines here, CRLF in the mail."""
    return header.replace("\n", "\r\n").encode("utf-8") + CRLF + CRLF + body


def encoded_base64(data: bytes) -> bytes:
    """base64 in lines of 76."""
    return base64.encodebytes(data).replace(b"\n", CRLF)


def encoded_quoted_printable(data: bytes) -> bytes:
    """Quoted-printable with CRLF line ends."""
    return quopri.encodestring(data).replace(b"\r\n", b"\n").replace(b"\n", CRLF)


def encoded_word(text: str, charset: str, encoding: str) -> str:
    """RFC 2047, one word (or several, when it is long)."""
    if encoding == "B":
        pieces = [text[start : start + 12] for start in range(0, len(text), 12)]
        words = [base64.b64encode(piece.encode(charset, errors="replace")).decode() for piece in pieces]
    else:
        words = [
            "".join(
                "_" if b == 32 else chr(b) if chr(b).isalnum() and b < 128 else f"={b:02X}"
                for b in text.encode(charset, errors="replace")
            )
        ]
    return "\r\n ".join(f"=?{charset}?{encoding}?{word}?=" for word in words)
