"""mbox in the dialects that people bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.delivery.letters import Letter, Unreadable
from pillarbox.delivery.mbox import MboxFolder, is_mbox
from pillarbox.mail.dates import InternalDate

FROM = b"From alice@example.org Sat Jan  3 01:05:34 1998\n"
AT = InternalDate(883789534, 0)


def read(folder: Path, data: bytes, max_message_bytes: int = 10_000) -> list[Letter | Unreadable]:
    path = folder / "old.mbox"
    path.write_bytes(data)
    return list(MboxFolder(path, "", max_message_bytes).letters())


def contents(folder: Path, data: bytes) -> list[bytes]:
    return [letter.content for letter in read(folder, data) if isinstance(letter, Letter)]


def only(folder: Path, data: bytes) -> Letter:
    (letter,) = read(folder, data)
    assert isinstance(letter, Letter)
    return letter


def test_messages_come_in_order_without_from_line_and_last_empty_line(tmp_path: Path) -> None:
    data = FROM + b"Subject: one\n\nbody\n\n" + FROM + b"Subject: two\n\nbody\n\nmore\n\n"
    assert contents(tmp_path, data) == [b"Subject: one\r\n\r\nbody\r\n", b"Subject: two\r\n\r\nbody\r\n\r\nmore\r\n"]


def test_a_file_with_crlf_line_ends_reads_the_same(tmp_path: Path) -> None:
    data = FROM + b"Subject: one\n\nbody\n\n" + FROM + b"Subject: two\n\nbody\n\n"
    assert contents(tmp_path, data.replace(b"\n", b"\r\n")) == contents(tmp_path, data)


@pytest.mark.parametrize(
    ("line", "date"),
    [
        (b"From alice Sat Jan  3 01:05:34 1998\n", AT),
        (b"From - Sat Jan 03 01:05:34 1998\n", AT),
        (b"From alice Sat Jan  3 01:05 1998\n", InternalDate(883789500, 0)),
        (b"From 1234@xxx Sat Jan 03 02:05:34 +0100 1998\n", InternalDate(883789534, 60)),
        (b"From alice Sat, 3 Jan 1998 02:05:34 +0100\n", InternalDate(883789534, 60)),
    ],
)
def test_the_from_line_is_the_internal_date(tmp_path: Path, line: bytes, date: InternalDate) -> None:
    assert only(tmp_path, line + b"Date: Mon, 05 Jan 1998 01:05:34 +0000\n\nbody\n").internal_date == date


def test_a_senseless_from_date_falls_back_to_the_date_field(tmp_path: Path) -> None:
    data = b"From x Foo Bar 99 99:99:99 0000\nDate: Sat, 03 Jan 1998 01:05:34 +0000\n\nbody\n"
    assert only(tmp_path, data).internal_date == AT


def test_from_in_a_body_splits_nothing(tmp_path: Path) -> None:
    body = b"From here to there\n\nFrom me, with love\nno empty line before:\nFrom x Sat Jan  3 01:05:34 1998\n"
    assert contents(tmp_path, FROM + b"A: b\n\n" + body) == [b"A: b\r\n\r\n" + body.replace(b"\n", b"\r\n")]


def test_one_quote_is_taken_off(tmp_path: Path) -> None:
    data = FROM + b"A: b\n\n>From the start\n>>From twice\n> From a reply\n"
    assert contents(tmp_path, data) == [b"A: b\r\n\r\nFrom the start\r\n>From twice\r\n> From a reply\r\n"]


def test_a_content_length_that_fits_is_believed(tmp_path: Path) -> None:
    body = b"text\n\n" + FROM + b"this is the same message\n"
    header = b"Subject: one\nContent-Length: %d\n\n" % len(body)
    data = FROM + header + body + b"\n" + FROM + b"Subject: two\n\nbody\n"
    assert contents(tmp_path, data) == [
        b"Subject: one\r\n\r\n" + body.replace(b"\n", b"\r\n"),
        b"Subject: two\r\n\r\nbody\r\n",
    ]


@pytest.mark.parametrize("length", [b"0", b"3", b"99999999", b"-5", b"many"])
def test_a_content_length_that_lies_is_not(tmp_path: Path, length: bytes) -> None:
    data = FROM + b"Content-Length: " + length + b"\n\nbody\n\n" + FROM + b"Subject: two\n\nbody\n"
    assert contents(tmp_path, data) == [b"\r\nbody\r\n", b"Subject: two\r\n\r\nbody\r\n"]


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (b"", set()),
        (b"Status: O\n", set()),
        (b"Status: RO\n", {"\\Seen"}),
        (b"Status: RO\nX-Status: AF\n", {"\\Seen", "\\Answered", "\\Flagged"}),
        (b"X-Status: DT\n", {"\\Deleted", "\\Draft"}),
        (b"X-Keywords: Work $Label1, na(me)        \n", {"Work", "$Label1", "na_me_"}),
        (b"X-Mozilla-Status: 0003\nX-Mozilla-Keys: $label2      \n", {"\\Seen", "\\Answered", "$label2"}),
        (b"X-Mozilla-Status: 0009\n", {"\\Seen", "\\Deleted"}),
        (b"X-Mozilla-Status: what\n", set()),
    ],
)
def test_flags_are_kept_and_the_files_own_fields_are_not(tmp_path: Path, header: bytes, flags: set[str]) -> None:
    letter = only(tmp_path, FROM + b"Subject: one\n" + header + b"X-UID: 17\nTo: bob\n\nStatus: RO\n")
    assert letter.flags == flags
    assert letter.content == b"Subject: one\r\nTo: bob\r\n\r\nStatus: RO\r\n"


def test_a_programs_notes_to_itself_are_no_mail(tmp_path: Path) -> None:
    notes = b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nnotes\n\n"
    assert contents(tmp_path, FROM + notes + FROM + b"A: b\n\nbody\n") == [b"A: b\r\n\r\nbody\r\n"]


def test_what_is_too_large_or_empty_is_named_with_its_line(tmp_path: Path) -> None:
    data = FROM + b"A: b\n\nok\n\n" + FROM + b"A: b\n\n" + b"x" * 300 + b"\n\n" + FROM + b"\n" + FROM + b"A: b\n\nok\n"
    found = read(tmp_path, data, max_message_bytes=200)
    assert [type(each) for each in found] == [Letter, Unreadable, Unreadable, Letter]
    path = tmp_path / "old.mbox"
    assert [each.origin for each in found] == [f"{path}, line {line}" for line in (1, 6, 11, 13)]


def test_an_empty_file_is_an_empty_mbox(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []
    assert is_mbox(tmp_path / "old.mbox")


def test_bytes_of_every_value_pass_unchanged(tmp_path: Path) -> None:
    body = bytes(value for value in range(256) if value not in b"\r\n") * 3
    assert contents(tmp_path, FROM + b"A: b\n\n" + body + b"\n") == [b"A: b\r\n\r\n" + body + b"\r\n"]
