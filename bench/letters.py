"""Mixed mail for the benchmark: the same 20,000 letters on every run, about 7 KB each on average.

55 % plain text, 25 % text with HTML, 15 % with an attachment, 5 % forwards; subjects and people from a small world,
so that searches find something. Must never: depend on the clock or the machine.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

WORDS = re.findall(
    r"\w+",
    "the of and to in is that for it with as was on be by at from are this have or an they which one you had not but "
    "what all were when there can more if no out so said who its about into than them only some could time these two "
    "may then do first any my now such like our over even most made after also well did many before must through back "
    "years where much your way down should because long each just state people those Mr how too little world good "
    "lantern harbour willow ledger compass granite meadow cinder orchard velvet thimble saffron quarry beacon pewter",
)
NAMES = ("Ann Archer", "Bo Berg", "Chandra Rao", "Dóra Nagy", "Emre Kaya", "Fay Wu", "Grete Vogt", "Hugo Martin")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FLAGS = ("", "", "\\Seen", "\\Seen", "\\Seen", "\\Seen \\Answered", "\\Flagged", "\\Seen $Forwarded")


@dataclass(frozen=True, slots=True)
class Letter:
    content: bytes
    internal_date: str
    flags: str


def letters(count: int) -> Iterator[Letter]:
    """The first `count` letters."""
    dice = random.Random("twenty thousand letters")
    prose = _prose(dice, 400_000)
    for number in range(count):
        shape = dice.random()
        head, body = _head(dice, number), _slice(dice, prose, dice.randrange(800, 4_000))
        if shape < 0.55:
            content = head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body
        elif shape < 0.80:
            content = head + _alternative(dice, prose, body)
        elif shape < 0.95:
            content = head + _attached(dice, body, _binary(dice))
        else:
            inner = _head(dice, number + 1_000_000) + b"\r\n" + _slice(dice, prose, 3_000)
            content = head + _attached(dice, body, b"Content-Type: message/rfc822\r\n\r\n" + inner)
        day = f"{1 + number % 28:02d}-{MONTHS[number % 12]}-{2004 + number % 20}"
        date = f"{day} {number % 24:02d}:{number % 60:02d}:00 +0100"
        yield Letter(content, date, dice.choice(FLAGS))


def _prose(dice: random.Random, size: int) -> bytes:
    lines, length = [], 0
    while length < size:
        line = " ".join(dice.choices(WORDS, k=dice.randrange(6, 13))).encode() + b"\r\n"
        lines.append(line)
        length += len(line)
    return b"".join(lines)


def _slice(dice: random.Random, prose: bytes, size: int) -> bytes:
    start = prose.index(b"\n", dice.randrange(len(prose) - size - 200)) + 1
    return prose[start : prose.index(b"\n", start + size) + 1]


def _head(dice: random.Random, number: int) -> bytes:
    sender, receiver = dice.sample(NAMES, 2)
    mail = [name.split()[0].encode("ascii", "ignore").decode().lower() for name in (sender, receiver)]
    word = base64.b64encode(sender.encode()).decode()
    trace = "".join(
        f"Received: from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{hop}])\r\n"
        f"\tby in{hop}.example.com with ESMTPS id {dice.getrandbits(60):x};\r\n\tTue, 1 Jul 2003 10:5{hop}:37 +0200\r\n"
        for hop in range(3)
    )
    text = (
        f"Return-Path: <{mail[0]}@example.org>\r\n{trace}"
        f"From: =?utf-8?B?{word}?= <{mail[0]}@example.org>\r\nTo: {mail[1]}@example.com\r\n"
        f'Cc: team@example.com, "Others, many" <others@example.net>\r\n'
        f"Subject: {' '.join(dice.choices(WORDS, k=6))} {number}\r\n"
        f"Date: Tue, {1 + number % 28} Jul 2003 10:52:37 +0200\r\n"
        f"Message-ID: <{number}.{dice.getrandbits(50):x}@example.org>\r\n"
        f"In-Reply-To: <{max(0, number - 7)}@example.org>\r\nReferences: <{max(0, number - 9)}@example.org>\r\n"
        "MIME-Version: 1.0\r\nX-Mailer: Letters 1.0\r\n"
    )
    return text.encode()


def _alternative(dice: random.Random, prose: bytes, text: bytes) -> bytes:
    html = (
        b"<html><body><p>" + _slice(dice, prose, dice.randrange(3_000, 9_000)).replace(b"\r\n", b"<br>\r\n") + b"</p>"
    )
    return (
        b'Content-Type: multipart/alternative; boundary="alternative-42"\r\n\r\n--alternative-42\r\n'
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text + b"\r\n--alternative-42\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + html
        + b"\r\n--alternative-42--\r\n"
    )


def _binary(dice: random.Random) -> bytes:
    data = base64.encodebytes(dice.randbytes(dice.randrange(6_000, 24_000))).replace(b"\n", b"\r\n")
    return (
        b'Content-Type: application/pdf; name="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="report.pdf"\r\n\r\n' + data
    )


def _attached(dice: random.Random, text: bytes, part: bytes) -> bytes:
    mark = b"mixed-%d" % dice.getrandbits(40)
    return (
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s'
        b"\r\n--%s\r\n%s\r\n--%s--\r\n" % (mark, mark, text, mark, part, mark)
    )
