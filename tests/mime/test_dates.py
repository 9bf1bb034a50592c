"""The Date field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.mail.dates import InternalDate
from pillarbox.mime.dates import internal_date_of, sent_date, sent_instant

JULY_7 = 1_751_875_200
"""2025-07-07 08:00:00 UTC"""


@pytest.mark.parametrize(
    ("value", "date", "instant"),
    [
        ("Mon, 7 Jul 2025 10:00:00 +0200", (2025, 7, 7), JULY_7),
        ("7 Jul 2025 08:00 GMT", (2025, 7, 7), JULY_7),
        ("Mon, 07 JUL 2025 04:00:00 EDT", (2025, 7, 7), JULY_7),
        ("mon,7 july 2025 08:00:00", (2025, 7, 7), JULY_7),
        ("Mon, 7 Jul 2025 08 : 00(comment):00 +0000", (2025, 7, 7), JULY_7),
        ("Mon (c(c)), 7 (x) Jul 2025 10:00:00 +0200 (CEST)", (2025, 7, 7), JULY_7),
        ("Mon Jul  7 08:00:00 2025", (2025, 7, 7), JULY_7),
        ("Mon Jul  7 10:00:00 CEST 2025", (2025, 7, 7), JULY_7 + 7200),
        ("Mon, 7-Jul-25 08:00:00 Z", (2025, 7, 7), JULY_7),
        ("Mon, 7 Jul 2025", (2025, 7, 7), JULY_7 - 8 * 3600),
        ("Tue, 8 Jul 2025 23:30:00 -0500", (2025, 7, 8), JULY_7 + 24 * 3600 + 20 * 3600 + 1800),
        ("7 Jul 2025 08:00:60 +0000", (2025, 7, 7), JULY_7 + 60),
        ("1 Jan 70 00:00:00 +0000", (1970, 1, 1), 0),
        ("1 Jan 1969 00:00:00 +0000", (1969, 1, 1), -365 * 86400),
        ("1 Jan 125 00:00:00 +0000", (2025, 1, 1), 1_735_689_600),
        ("7 Jul 2025 99:00:00 +0200", (2025, 7, 7), JULY_7 - 8 * 3600),
        ("29 Feb 2024 00:00:00 +0000", (2024, 2, 29), 1_709_164_800),
        ("1 Jan 0001 00:00:00 +2359", (1, 1, 1), -62_135_596_800 - 23 * 3600 - 59 * 60),
    ],
)
def test_dates_are_understood(value: str, date: tuple[int, int, int], instant: int) -> None:
    header = f"Subject: x\r\nDate: {value}\r\n\r\n".encode()
    assert sent_date(header) == date
    assert sent_instant(header) == instant


@pytest.mark.parametrize(
    "value", ["", "yesterday", "31 Feb 2025 00:00:00 +0000", "7 Foo 2025", "0 Jan 0000", "Date", "("]
)
def test_what_is_no_date_gives_none(value: str) -> None:
    header = f"Date: {value}\r\n\r\n".encode()
    assert sent_date(header) is None
    assert sent_instant(header) is None
    assert internal_date_of(header) is None


def test_a_message_without_a_date_has_none() -> None:
    assert sent_date(b"Subject: x\r\n\r\n") is None


def test_the_internal_date_keeps_the_zone() -> None:
    header = b"Date: Mon, 7 Jul 2025 10:00:00 +0200\r\n\r\n"
    assert internal_date_of(header) == InternalDate(JULY_7, 120)
    assert internal_date_of(b"Date: Mon, 7 Jul 2025 01:30:00 -0630\r\n\r\n") == InternalDate(JULY_7, -390)
    assert internal_date_of(b"Date: Mon, 7 Jul 2025 08:00:00 +9999\r\n\r\n") == InternalDate(JULY_7, 0)


def test_days_compare_in_order_of_time() -> None:
    early, late = sent_date(b"Date: 9 Feb 2024 1:00 Z"), sent_date(b"Date: 1 Oct 2024 1:00 Z")
    assert early is not None
    assert late is not None
    assert early < late < (2025, 1, 1)


@given(st.one_of(st.binary(), st.text(alphabet="Mon,7 JulFeb:+-0123456789()\\").map(str.encode)))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    header = b"Date: " + value + b"\r\n\r\n"
    assert (sent_instant(header) is None) == (sent_date(header) is None)
