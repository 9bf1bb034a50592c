"""Damages good input in ways that parsers care about; the same seed does the same damage everywhere.

Must never: use any chance but the seed's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

MAX_BYTES: Final = 2_000
WORDS: Final = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\xff", b"\xfe", b"\xc3\xa9", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"),
    *(
        b"(",
        b")",
        b"((((((((",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"{5}\r\n",
        b"{5+}\r\n",
        b"{99+}\r\n",
        b"~{3+}\r\n",
        b"{0}\r\n",
    ),
    *(b",", b";", b":", b"=", b"@", b"<", b">", b"*", b"&", b"|", b"!", b"--", b"--b", b"=?utf-8?q?=41?=", b"\r\n\r\n"),
    *(b"Content-Type: ", b"message/rfc822", b"multipart/mixed; boundary=b", b"; charset=", b"name*0*=utf-8''%41"),
    *(b"n,,", b"y,,", b"p=tls-exporter,,", b"a=", b"r=", b"{r}", b"{p}", b"{b}", b"=2C", b"{login}", b"{dn}", b"\\2a"),
    *(b"0", b"-1", b"4294967296", b"99999999999999999999", b"\x30\x84\xff\xff\xff\xff", b"\x04\x00", b"\x0a\x01\x31"),
)
"""What means something to one of the targets."""


def mutations(starts: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` inputs."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(starts))
        for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
            _damage(data, starts, chance)
        yield bytes(data[:MAX_BYTES])


def _damage(data: bytearray, starts: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
    match chance.randrange(6):
        case 0:
            data[at:at] = chance.choice(WORDS)
        case 1:
            del data[at:end]
        case 2:
            data[at:end] = data[at:end] * chance.choice((2, 3, 20))
        case 3:
            data[at : at + 1] = bytes((chance.randrange(256),))
        case 4:
            other = chance.choice(starts)
            start = chance.randint(0, len(other))
            data[at:end] = other[start : start + chance.choice((1, 4, 16, 64, 256))]
        case _:
            data[at:end] = chance.choice(WORDS)
