"""A few hundred SEARCH commands over the corpus: every key of RFC 3501 and RFC 9051, many terms, and combinations.

Must never: use what two servers cannot agree on by nature (mod-sequence values, the present minute).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.differential.client import literal
from tests.differential.corpus import corpus
from tests.differential.pieces import NATIVE, WORDS

FLAG_KEYS = (
    *("ALL", "ANSWERED", "UNANSWERED", "DELETED", "UNDELETED", "DRAFT", "UNDRAFT"),
    *("FLAGGED", "UNFLAGGED", "SEEN", "UNSEEN", "NEW", "OLD", "RECENT"),
)
HEADER_KEYS = ("FROM", "TO", "CC", "BCC", "SUBJECT")
DATE_KEYS = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")


@dataclass(frozen=True, slots=True)
class Query:
    """One SEARCH: the key that it tries and the criteria as sent."""

    key: str
    criteria: bytes


def queries() -> list[Query]:
    """All of them, the same on every run."""
    return [*_flags(), *_headers(), *_texts(), *_dates(), *_numbers(), *_combined(), *_extended(), *_refused()]


def _flags() -> Iterator[Query]:
    for key in FLAG_KEYS:
        yield Query(key, key.encode())
        yield Query(f"NOT {key}", b"NOT " + key.encode())
    for keyword in ("$Forwarded", "Urgent", "urgent", "later", "NeverSet"):
        yield Query("KEYWORD", b"KEYWORD " + keyword.encode())
        yield Query("UNKEYWORD", b"UNKEYWORD " + keyword.encode())


def _headers() -> Iterator[Query]:
    terms = ["example.org", "EXAMPLE.ORG", "@", "joe", "Pete", "Hidden", "person1", "friends", "native", "a b", "Fwd"]
    terms += WORDS[::4]
    for key in HEADER_KEYS:
        for term in terms:
            yield Query(key, b'%s "%s"' % (key.encode(), term.encode()))
        for subject, _, name in NATIVE.values():
            term = subject if key == "SUBJECT" else name
            yield Query(key, b"CHARSET UTF-8 %s %s" % (key.encode(), literal(term.encode())))
    for name, term in (
        ("X-Twice", "two"), ("X-Empty", ""), ("Message-ID", "thread.3"), ("Received", "a1 by b1"), ("No-Such", ""),
        ("content-type", "multipart"), ("Subject", ""), ("References", "thread.1@"), ("MIME-Version", "1.0"),
        ("Content-Type", "boundary"), ("Date", "Jul"), ("List-Id", "x"),
    ):  # fmt: skip
        yield Query("HEADER", b'HEADER %s "%s"' % (name.encode(), term.encode()))


def _texts() -> Iterator[Query]:
    terms = [*WORDS[::3], "antern", "harbour willow", "Only ASCII", "PGP SIGNATURE", "last line", "<p>", "QUJD",
             "After the end", "Inner text", "Second.", "example.org", "Reporting-MTA", "boundary", "break"]  # fmt: skip
    for key in ("BODY", "TEXT"):
        for term in terms:
            yield Query(key, b'%s "%s"' % (key.encode(), term.encode()))
        for _, body, _ in NATIVE.values():
            for term in (body, body[3:9], body.upper()):
                yield Query(key, b"CHARSET UTF-8 %s %s" % (key.encode(), literal(term.encode())))
    for subject, _, name in NATIVE.values():
        yield Query("TEXT", b"CHARSET UTF-8 TEXT " + literal(subject.encode()))
        yield Query("TEXT", b"CHARSET UTF-8 TEXT " + literal(name.lower().encode()))


def _dates() -> Iterator[Query]:
    for key in DATE_KEYS:
        for date in ("1-Jan-1990", "21-Nov-1997", "01-Jul-2003", "14-Jun-2010", "5-Dec-2023", "1-Jan-2030"):
            yield Query(key, f"{key} {date}".encode())
    for sample in corpus()[::25]:
        day = sample.internal_date.split(" ")[0].lstrip("0")
        for key in ("BEFORE", "ON", "SINCE"):
            yield Query(key, f"{key} {day}".encode())
    yield Query("OLDER", b"OLDER 86400")
    yield Query("YOUNGER", b"YOUNGER 86400")


def _numbers() -> Iterator[Query]:
    for size in (0, 1, 180, 500, 5000, 100_000):
        yield Query("LARGER", b"LARGER %d" % size)
        yield Query("SMALLER", b"SMALLER %d" % size)
    for numbers in ("1", "1:10", "5,7,9:11", "*", "20:*", "*:20", "9999:*", "3:1", "2,2,2"):
        yield Query("UID", b"UID " + numbers.encode())
        yield Query("sequence set", numbers.encode())
    yield Query("MODSEQ", b"MODSEQ 1")


def _combined() -> Iterator[Query]:
    dice = random.Random("combined")
    simple = [
        b"SEEN",
        b"DRAFT",
        b"UNFLAGGED",
        b"KEYWORD Urgent",
        b"LARGER 700",
        b"SMALLER 3000",
        b"UID 50:300",
        b"10:90",
    ]
    simple += [b"SUBJECT %s" % word.encode() for word in WORDS[::5]]
    simple += [b'FROM "example.org"', b'TO "@"', b'HEADER Content-Type "multipart"']

    def some(depth: int) -> bytes:
        shape = dice.randrange(5) if depth else 0
        if shape in (0, 1):
            return dice.choice(simple)
        if shape == 2:
            return b"NOT " + some(depth - 1)
        if shape == 3:
            return b"OR %s %s" % (some(depth - 1), some(depth - 1))
        return b"(%s %s)" % (some(depth - 1), some(depth - 1))

    for _ in range(60):
        yield Query("COMBINED", b" ".join(some(4) for _ in range(dice.randrange(1, 4))))


def _extended() -> Iterator[Query]:
    for options in ("MIN", "MAX", "COUNT", "ALL", "MIN MAX", "MIN COUNT", "MIN MAX COUNT ALL", ""):
        for criteria in ("1:*", "UID 7", "UNFLAGGED SEEN", "KEYWORD NeverSet", "10:90 NOT SEEN"):
            yield Query(f"RETURN ({options})", f"RETURN ({options}) {criteria}".encode())


def _refused() -> Iterator[Query]:
    yield Query("CHARSET", b"CHARSET X-NO-SUCH TEXT x")
    yield Query("CHARSET", b"CHARSET US-ASCII TEXT lantern")
    yield Query("CHARSET", b"CHARSET utf-8 TEXT lantern")
    yield Query("bad key", b"NOSUCHKEY")
    yield Query("bad date", b"SINCE 2003-07-01")
    yield Query("missing argument", b"FROM")
    yield Query("missing argument", b"OR SEEN")
