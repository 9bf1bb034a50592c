"""MIME bombs: letters built to cost more to read than to send (security.md, attacks 6 and 7).

Each must be taken or refused, described and searched, in bounded time, while a bystander is served.
"""

from __future__ import annotations

import threading
import time

import pytest

from tests.abuse.talk import RudeClient
from tests.differential.client import Client, literal
from tests.differential.tokens import parse_fetch

WHOLE_SECONDS = 30
"""Everything that is asked about one bomb. Two shared cores may be slow; a bomb that works takes minutes or hours."""
SERVED_SECONDS = 5
"""The longest that the bystander may wait for a NOOP meanwhile."""


def _deep_multiparts(depth: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(depth)
    )
    return opening + b"\r\nThe heart.\r\n"


def _deep_letters(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: heart\r\n\r\nThe heart.\r\n"


BOMBS = {
    "10,000 nested multiparts": _deep_multiparts(10_000),
    "20,000 nested letters": _deep_letters(20_000),
    "200,000 parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    + b"--x\r\n\r\na\r\n" * 200_000
    + b"--x--\r\n",
    "300,000 empty parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 300_000,
    "same boundary at every level": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 20_000,
    "almost boundaries": b"Content-Type: multipart/mixed; boundary=" + b"-" * 70 + b"\r\n\r\n" + b"-" * 71 * 60_000,
    "100,000 parameters": b"Content-Type: text/plain"
    + b"".join(b";\r\n a%d=b" % n for n in range(100_000))
    + b"\r\n\r\nx",
    "50,000 RFC 2231 pieces": b"Content-Type: text/plain"
    + b"".join(b"; n*%d=x" % n for n in range(50_000))
    + b"\r\n\r\nx",
    "huge RFC 2231 number": b"Content-Type: text/plain; n*99999999999999999999=x; n*0=a\r\n\r\nx",
    "100,000 addresses": b"To: " + b", ".join(b"p%d@example.org" % n for n in range(100_000)) + b"\r\n\r\nx",
    "100,000 groups": b"To: " + b"g:" * 100_000 + b"\r\n\r\nx",
    "100,000 group ends": b"To: g:" + b";" * 100_000 + b"\r\n\r\nx",
    "open comments": b"From: " + b"(" * 200_000 + b"\r\nDate: " + b"(" * 200_000 + b"\r\n\r\nx",
    "comments that end in a backslash": b"From: " + b"(\\" * 100_000 + b"\r\nSubject: x\r\n\r\nx",
    "open quotes": b"From: " + b'"\\' * 100_000 + b"\r\nTo: " + b'a"' * 100_000 + b"\r\n\r\nx",
    "angle brackets": b"From: " + b"<" * 200_000 + b"\r\nTo: " + b"<>" * 100_000 + b"\r\n\r\nx",
    "routes": b"From: <" + b"@a," * 100_000 + b":b@c>\r\n\r\nx",
    "5 MB header line": b"Subject: " + b"a " * 2_500_000 + b"\r\n\r\nx",
    "500,000 header lines": b"X: y\r\n" * 500_000 + b"\r\nx",
    "500,000 folds": b"Subject: a" + b"\r\n b" * 500_000 + b"\r\n\r\nx",
    "blanks": b"Subject:" + b" " * 2_000_000 + b"x\r\nFrom:" + b"\t" * 500_000 + b"\r\n\r\nx",
    "encoded words": b"Subject: " + b"=?utf-8?Q?a?= " * 100_000 + b"\r\n\r\nx",
    "half encoded words": b"Subject: " + b"=?" * 300_000 + b"\r\nFrom: " + b"=?a?b" * 100_000 + b"\r\n\r\nx",
    "one giant encoded word": b"Subject: =?utf-8?B?" + b"QUFB" * 300_000 + b"?=\r\n\r\nx",
    "dates": b"Date: " + b"Mon, " * 100_000 + b"\r\nDate: " + b"1 " * 100_000 + b"\r\n\r\nx",
    "references": b"References: " + b"<a@b> " * 100_000 + b"\r\nIn-Reply-To: " + b"<" * 100_000 + b"\r\n\r\nx",
    "soft line breaks": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 500_000,
    "quoted-printable blanks": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * 1_000_000 + b"x",
    "base64 without an end": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * 500_000,
    "one line of 5 MB": b"Subject: x\r\n\r\n" + b"a" * 5_000_000,
    "2,000,000 newlines": b"Subject: x\r\n\r\n" + b"\n" * 2_000_000,
    "html": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000 + b"&amp" * 100_000,
    "html that never closes": b"Content-Type: text/html\r\n\r\n"
    + b"<!--" * 200_000
    + b"<script>" * 50_000
    + b"<a b=" * 50_000,
    "unknown charsets": b"Content-Type: text/plain; charset=" + b"x" * 100_000 + b"\r\n\r\nx",
    "stateful charset": b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\x1b(B" * 300_000,
}


class Onlooker(threading.Thread):
    """Sends NOOP all the time; remembers the longest wait."""

    def __init__(self, client: Client) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._over = threading.Event()
        self.longest_seconds = 0.0

    def run(self) -> None:
        while not self._over.wait(0.05):
            start = time.monotonic()
            self._client.ok(b"NOOP")
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - start)

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.mark.parametrize("name", BOMBS)
def test_a_mime_bomb_costs_little_and_breaks_nothing(guest: RudeClient, bystander: Client, name: str) -> None:
    bomb = BOMBS[name]
    guest.ok(b"CREATE bombs")
    onlooker = Onlooker(bystander)
    onlooker.start()
    start = time.monotonic()
    try:
        guest.ok(b"APPEND bombs " + literal(bomb))
        guest.ok(b"SELECT bombs")
        reply = guest.ok(b"FETCH 1 (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY)")
        fetched = parse_fetch(reply.untagged[0])
        assert fetched is not None
        assert fetched.items["RFC822.SIZE"] == len(bomb)
        for item in (
            b"BODY.PEEK[HEADER.FIELDS (To Subject)]",
            b"BODY.PEEK[1]",
            b"BODY.PEEK[1.1.1.MIME]",
            b"BODY.PEEK[1.HEADER]",
        ):
            guest.ok(b"FETCH 1 (%s)" % item)
        for item in (b"BINARY.PEEK[1]", b"BINARY.SIZE[1]"):
            assert guest.try_command(b"FETCH 1 (%s)" % item).startswith(("OK", "NO"))
        for key in (b"TEXT zzyzx", b"BODY zzyzx", b"SUBJECT zzyzx", b"FROM zzyzx", b"SENTSINCE 1-Jan-2020"):
            guest.ok(b"SEARCH " + key)
        seconds = time.monotonic() - start
    finally:
        onlooker.stop()
        guest.try_command(b"UNSELECT")
        guest.try_command(b"DELETE bombs")
    assert seconds < WHOLE_SECONDS
    assert onlooker.longest_seconds < SERVED_SECONDS
