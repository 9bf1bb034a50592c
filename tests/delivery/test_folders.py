"""Maildir and .eml folders, and telling them apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pillarbox.delivery.letters import Letter, Unreadable, keyword, with_crlf
from pillarbox.delivery.maildir import decoded_name
from pillarbox.delivery.source import Source, SourceKind, SourceUnknown, find_source
from pillarbox.mail.dates import InternalDate

MESSAGE = b"Subject: one\nDate: Sat, 03 Jan 1998 02:05:34 +0100\n\nbody\n"


def maildir(path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    return path


def put(path: Path, data: bytes = MESSAGE, seconds: int = 1_000_000_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (seconds, seconds))


def letters(source: Source, name: str = "") -> list[Letter | Unreadable]:
    (folder,) = [folder for folder in source.folders if folder.name == name]
    return list(folder.letters())


def test_a_maildir_keeps_dates_flags_and_order(tmp_path: Path) -> None:
    box = maildir(tmp_path / "Maildir")
    put(box / "cur" / "2.host:2,FRS", seconds=2_000)
    put(box / "cur" / "1.host,S=57:2,DPTab", seconds=1_000)
    put(box / "new" / "3.host", seconds=3_000)
    put(box / "tmp" / "4.host", seconds=4_000)
    put(box / "cur" / ".hidden")
    (box / "dovecot-keywords").write_text("0 Work\n1 $Forwarded\nbad line\n")
    found = find_source(box, 1_000)
    assert found.kind is SourceKind.MAILDIR
    read = [each for each in letters(found) if isinstance(each, Letter)]
    assert [each.internal_date for each in read] == [InternalDate(seconds, 0) for seconds in (1_000, 2_000, 3_000)]
    assert [each.flags for each in read] == [
        {"\\Draft", "$Forwarded", "\\Deleted", "Work"},
        {"\\Flagged", "\\Answered", "\\Seen"},
        set(),
    ]
    assert read[0].content == MESSAGE.replace(b"\n", b"\r\n")


def test_maildir_plus_plus_folders_become_levels(tmp_path: Path) -> None:
    box = maildir(tmp_path / "Maildir")
    for name in (".Sent", ".Archive.2019", ".Entw&APw-rfe", ".empty-not-a-maildir"):
        (box / name).mkdir()
    for name in (".Sent", ".Archive.2019", ".Entw&APw-rfe"):
        maildir(box / name)
    names = [folder.name for folder in find_source(box, 1_000).folders]
    assert names == ["", "Archive/2019", "Entwürfe", "Sent"]


def test_nested_maildirs_become_levels(tmp_path: Path) -> None:
    maildir(tmp_path / "mail" / "Work" / "Old")
    maildir(tmp_path / "mail" / "Home")
    found = find_source(tmp_path / "mail", 1_000)
    assert found.kind is SourceKind.MAILDIR
    assert [folder.name for folder in found.folders] == ["Home", "Work/Old"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [("&ZeVnLIqe-", "日本語"), ("A&-B", "A&B"), ("&Jjo-!", "☺!"), ("&broken", "&broken"), ("&A-", "&A-")],
)
def test_names_are_modified_utf_7(raw: str, name: str) -> None:
    assert decoded_name(raw) == name


def test_eml_files_are_dated_by_their_date_field(tmp_path: Path) -> None:
    put(tmp_path / "b.eml")
    put(tmp_path / "a.EML", b"Subject: no date\n\nbody\n", seconds=5_000)
    put(tmp_path / "notes.txt")
    put(tmp_path / "Sent" / "2026" / "c.eml")
    found = find_source(tmp_path, 1_000)
    assert found.kind is SourceKind.EML
    assert [folder.name for folder in found.folders] == ["", "Sent/2026"]
    dates = [each.internal_date for each in letters(found) if isinstance(each, Letter)]
    assert dates == [InternalDate(5_000, 0), InternalDate(883789534, 60)]


@pytest.mark.parametrize(
    "date", [b"yesterday", b"", b"32 Jan 1998 00:00:00 +0000", b"Sat, 03 Jan 9999999999 01:05:34 +0000", b"\xff" * 40]
)
def test_a_senseless_date_falls_back_to_the_file(tmp_path: Path, date: bytes) -> None:
    put(tmp_path / "a.eml", b"Date: " + date + b"\n\nbody\n", seconds=5_000)
    (letter,) = letters(find_source(tmp_path / "a.eml", 1_000))
    assert isinstance(letter, Letter)
    assert letter.internal_date == InternalDate(5_000, 0)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    put(tmp_path / "a.eml", b"")
    put(tmp_path / "b.eml", b"x" * 2_000)
    put(tmp_path / "c.eml")
    found = letters(find_source(tmp_path, 1_000))
    assert [type(each) for each in found] == [Unreadable, Unreadable, Letter]
    assert [each.origin for each in found] == [str(tmp_path / name) for name in ("a.eml", "b.eml", "c.eml")]


def test_what_is_no_mail_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear grandmother,\n")
    with pytest.raises(SourceUnknown, match="no Maildir"):
        find_source(tmp_path, 1_000)
    with pytest.raises(SourceUnknown, match="mbox"):
        find_source(tmp_path / "letter.txt", 1_000)
    with pytest.raises(FileNotFoundError):
        find_source(tmp_path / "nothing", 1_000)


def test_bare_lf_becomes_crlf_and_nothing_else_changes() -> None:
    assert with_crlf(b"a\r\nb\nc\rd\r\n") == b"a\r\nb\r\nc\rd\r\n"
    kept = b"a\r\nb\r\n"
    assert with_crlf(kept) is kept


def test_keywords_are_fit_for_imap() -> None:
    assert [keyword(text) for text in ("Work", "to do", "\\Seen", "$forwarded", "né", "((")] == [
        "Work",
        "to_do",
        "_Seen",
        "$Forwarded",
        "n_",
        "",
    ]
