r"""mbox files: RFC 4155, in the dialects that are about (mboxo, mboxrd, mboxcl, mboxcl2, Thunderbird's).

A message begins at a From_ line that stands at the start of the file or after an empty line and holds a time and a
year. A Content-Length is believed when it ends where the next From_ line or the file does, so an unquoted "From " in
a body splits nothing. Otherwise `>From ` loses one `>` (mboxrd; what mboxo quoted comes out right too).

Flags come from Status, X-Status and X-Keywords (mutt, pine, Dovecot) and X-Mozilla-Status and X-Mozilla-Keys
(Thunderbird); those fields belong to the file and not to the message, so they are taken out.
A message that Thunderbird deleted and did not yet compact away comes in as `\Deleted`: nothing is lost.

Must never: load the file; it is mapped.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.delivery.headers import date_of, fields, header_date, without_fields
from pillarbox.delivery.letters import Folder, Kept, Letter, Traits, Unreadable, keyword, with_crlf
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

_FROM_LINE: Final = re.compile(rb"From [^\r\n]*\d{1,2}:\d\d[^\r\n]*\d{4}[^\r\n]*\r?\n")
_FROM_DATE: Final = re.compile(rb"[A-Z][a-z]{2},? +(?:[A-Z][a-z]{2} +\d|\d{1,2} [A-Z][a-z]{2})[^\r\n]*")
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_STATUS_FIELDS: Final = frozenset(
    (b"status", b"x-status", b"x-keywords", b"x-mozilla-status", b"x-mozilla-keys", b"content-length", b"x-imap")
)
FILE_FIELDS: Final = _STATUS_FIELDS | frozenset((b"x-uid", b"x-imapbase", b"x-mozilla-status2"))
_LETTERS: Final = {"R": SEEN, "A": ANSWERED, "F": FLAGGED, "D": DELETED, "T": DRAFT}
_MOZILLA_BITS: Final = {0x0001: SEEN, 0x0002: ANSWERED, 0x0004: FLAGGED, 0x0008: DELETED, 0x1000: "$Forwarded"}
_INTERNAL_SUBJECT: Final = b"FOLDER INTERNAL DATA"


def is_mbox(path: Path) -> bool:
    """Whether a file begins as an mbox does; an empty file is an empty mbox."""
    with path.open("rb") as file:
        head = file.read(2_000)
    return not head or _FROM_LINE.match(head) is not None


def mbox_folders(path: Path, max_message_bytes: int) -> list[Folder]:
    """The .mbox files in a folder and below it, by name."""
    files = sorted(file for file in path.rglob("*.mbox") if file.is_file() and not file.is_symlink())
    return [
        MboxFolder(file, file.relative_to(path).with_suffix("").as_posix(), max_message_bytes)
        for file in files
        if is_mbox(file)
    ]


class MboxFolder:
    """One mbox file as a folder."""

    def __init__(self, path: Path, name: str, max_message_bytes: int) -> None:
        self.name = name
        self.size_bytes = path.stat().st_size
        self.kept: Kept | None = None
        self.traits = Traits()
        self._path = path
        self._max_message_bytes = max_message_bytes
        self._file_date = InternalDate(int(path.stat().st_mtime), 0)

    def letters(self) -> Iterator[Letter | Unreadable]:
        """The messages in the order of the file. Raises OSError when the file can't be read."""
        if not self.size_bytes:
            return
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            first = _FROM_LINE.match(data)
            if first is None:
                yield Unreadable(str(self._path), "this is not an mbox file: it does not begin with a From line")
                return
            line, at = 1, first.start()
            while at < len(data):
                from_line = _FROM_LINE.match(data, at)
                assert from_line is not None
                end = _message_end(data, from_line.end())
                origin = f"{self._path}, line {line}"
                line += data[at:end].count(b"\n") if end - at < _COUNTED_BYTES else _count_lines(data, at, end)
                letter = self._letter(origin, data, from_line, end)
                if letter is not None:
                    yield letter
                at = end

    def _letter(self, origin: str, data: mmap.mmap, from_line: re.Match[bytes], end: int) -> Letter | Unreadable | None:
        if end - from_line.end() > self._max_message_bytes:
            return Unreadable(origin, f"larger than the {self._max_message_bytes} bytes that one message may have")
        raw = data[from_line.end() : end]
        raw = _without_last_empty_line(raw)
        notes = dict(fields(raw, _STATUS_FIELDS))
        if b"x-imap" in notes and _INTERNAL_SUBJECT in raw[:2_000]:
            return None  # pine and UW IMAP keep their own notes in a first message that nobody wrote
        if b"content-length" not in notes:
            raw = _QUOTED.sub(rb"\1", raw)
        stated = _FROM_DATE.search(from_line[0])
        date = date_of(_zone_last(stated[0].decode("latin-1"))) if stated else None
        flags = _flags(notes)
        content = with_crlf(without_fields(raw, FILE_FIELDS))
        if not content.strip():
            return Unreadable(origin, "an empty message")
        return Letter(origin, content, date or header_date(raw) or self._file_date, flags)


_COUNTED_BYTES: Final = 16 * 1024 * 1024


def _count_lines(data: mmap.mmap, start: int, end: int) -> int:
    return sum(data[at : min(at + _COUNTED_BYTES, end)].count(b"\n") for at in range(start, end, _COUNTED_BYTES))


def _message_end(data: mmap.mmap, start: int) -> int:
    """Where the next From_ line begins, or the end of the file."""
    head = data[start : start + 64 * 1024]
    for _, value in fields(head, frozenset((b"content-length",))):
        body = re.search(rb"\n\r?\n", head)
        if body is None or not value.isdigit():
            break
        for end in _line_ends_after(data, start + body.end() + int(value)):
            if end == len(data) or _FROM_LINE.match(data, end):
                return end
        break
    return _next_from_line(data, start)


def _next_from_line(data: mmap.mmap, start: int) -> int:
    at = start
    while (at := data.find(b"\nFrom ", at)) >= 0:
        follows_empty_line = data[at - 1 : at] == b"\n" or data[at - 2 : at] == b"\n\r"
        if follows_empty_line and _FROM_LINE.match(data, at + 1):
            return at + 1
        at += 1
    return len(data)


def _line_ends_after(data: mmap.mmap, at: int) -> Iterator[int]:
    """`at`, and the places after one and two line ends that follow it."""
    for _ in range(3):
        if at > len(data):
            return
        yield at
        at += 2 if data[at : at + 2] == b"\r\n" else 1 if data[at : at + 1] == b"\n" else len(data) + 1


def _without_last_empty_line(raw: bytes) -> bytes:
    """The empty line before the next From_ line is the file's, not the message's."""
    if raw.endswith(b"\r\n\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith(b"\n\n") else raw


def _flags(notes: dict[bytes, str]) -> frozenset[str]:
    letters = notes.get(b"status", "") + notes.get(b"x-status", "")
    flags = {flag for letter, flag in _LETTERS.items() if letter in letters}
    try:
        bits = int(notes.get(b"x-mozilla-status", "0"), 16)
    except ValueError:
        bits = 0
    flags |= {flag for bit, flag in _MOZILLA_BITS.items() if bits & bit}
    words = f"{notes.get(b'x-keywords', '')} {notes.get(b'x-mozilla-keys', '')}".replace(",", " ").split()
    return frozenset(flags | {found for word in words if (found := keyword(word))})


def _zone_last(text: str) -> str:
    """`Sat Jan  3 01:05:34 +0100 1996`, as Gmail's archives write it, with the zone where a date has it."""
    return re.sub(r"(\d\d:\d\d(?::\d\d)?) ([+-]\d{4}) (\d{4})", r"\1 \3 \2", text)
