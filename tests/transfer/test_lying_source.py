"""A source that lies is refused, mailbox by mailbox; nothing of it comes twice, stops the others, or talks for us."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pillarbox.transfer.source import ImapSource, SourceRefused
from pillarbox.transfer.windows import Thread, windows


class Liar:
    """What ImapSource uses of imaplib.IMAP4."""

    def __init__(self, fetched: list[bytes] | None = None, codes: dict[str, bytes] | None = None) -> None:
        self.fetched = fetched or []
        self.codes = codes or {}
        self.selected: list[str] = []

    def select(self, name: str, readonly: bool) -> tuple[str, list[bytes]]:
        assert readonly
        self.selected.append(name)
        return "OK", [b"1"]

    def response(self, code: str) -> tuple[str, list[bytes | None]]:
        return code, [self.codes.get(code)]

    def uid(self, *words: str) -> tuple[str, list[bytes]]:
        return "OK", self.fetched


def _source(liar: Liar) -> ImapSource:
    source = ImapSource.__new__(ImapSource)
    source._imap = liar  # type: ignore[assignment]  # as much of one as is used
    return source


@pytest.mark.parametrize("name", [b'x"\r\na DELETE "INBOX', b"x\ny", b"x\0y", b"\xff"])
def test_a_name_never_ends_a_command(name: bytes) -> None:
    liar = Liar()
    with pytest.raises(SourceRefused):
        _source(liar).examine(name)
    assert liar.selected == []


@pytest.mark.parametrize("code", ["UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"])
@pytest.mark.parametrize("value", [b"18446744073709551616", b"-1", b"x"])
def test_numbers_beyond_imap_are_refused(code: str, value: bytes) -> None:
    codes = {"UIDVALIDITY": b"1", "UIDNEXT": b"2", "HIGHESTMODSEQ": b"3", code: value}
    with pytest.raises(SourceRefused):
        _source(Liar(codes=codes)).examine(b"x")


@pytest.mark.parametrize(
    "answer",
    [
        b"1 (UID 1 FLAGS " + b"(" * 5_000 + b")" * 5_000 + b" RFC822.SIZE 3)",
        b"1 (UID 1 FLAGS () RFC822.SIZE (3))",
    ],
    ids=["deep", "size"],
)
def test_answers_that_make_no_sense_are_refused(answer: bytes) -> None:
    with pytest.raises(SourceRefused):
        _source(Liar([answer])).heads("1:9")


async def test_a_message_that_was_not_asked_for_does_not_come_with_every_window() -> None:
    source: Any = _source(Liar([b"1 (UID 5 FLAGS () RFC822.SIZE 3)"]))
    with ThreadPoolExecutor(1) as executor:
        found = [head.uid async for window in windows(source, Thread(executor), 1, 5_000) for head in window.heads]
    assert found == [5]
