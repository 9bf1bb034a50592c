"""The texts of attachments: read in the background, found by fuzzy searches only, bad ones remembered."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.extract.kinds import Kind
from pillarbox.extract.limits import ExtractLimits
from pillarbox.extract.process import Extractor
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mime.digest import digest
from pillarbox.search.fuzzy import Fuzzy, Where
from pillarbox.search.query import Body
from pillarbox.store.contract import AccountId, AccountStore, NewMessage
from pillarbox.store.sqlite import IndexSettings
from pillarbox.store.sqlite.account_indexer import BegunReading, Turn
from pillarbox.store.sqlite.housekeeper import Housekeeper
from pillarbox.store.sqlite.index import INDEX_NAME
from pillarbox.store.sqlite.index_settings import AttachmentTexts
from tests.extract.files import docx, locked_pdf, odt, pdf
from tests.store.conftest import ANNA, OpenStore, account_folder
from tests.store.test_index import DATE, asked, filled, index_all, indexer_of

_QUICK = IndexSettings(settle_seconds=0, turn_seconds=0.01, processor_share=1.0)


def with_files(*files: tuple[str, bytes]) -> NewMessage:
    """A letter with these (name, data) attached, without a telling type."""
    parts = [b"Content-Type: text/plain\r\n\r\nA letter about willows."]
    parts += [
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''%b\r\n\r\n%b"
        % (name.encode().replace(b" ", b"%20"), base64.encodebytes(data).replace(b"\n", b"\r\n"))
        for name, data in files
    ]
    body = b"".join(b"--xx\r\n" + part + b"\r\n" for part in parts)
    head = b"Subject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n"
    return NewMessage(head + body + b"--xx--\r\n", DATE)


async def counts(account: AccountStore) -> tuple[int, int, int]:
    """Attachments read, unreadable, waiting."""
    state = await account.text_index_state()
    return state.attachments_read, state.attachments_unreadable, state.attachments_waiting


async def found(account: AccountStore, word: str) -> list[int]:
    """UIDs, by a fuzzy search for the word in bodies."""
    inbox = (await account.find("INBOX")).id
    uids = list((await account.image(inbox)).uids)
    return sorted((await account.fuzzy_hits(inbox, Fuzzy(Where.BODY, word), uids)).found)


async def read_all(mail: Path, extractor: Extractor) -> None:
    """Every attachment that waits, as the indexer does."""
    while True:
        begun: list[BegunReading] = []
        if indexer_of(mail).begin_attachment(begun) is Turn.FINISHED:
            return
        for reading in begun:
            text = None if reading.data is None else await extractor.text_of(reading.waiting.kind, reading.data)
            assert indexer_of(mail).keep_attachment(reading.waiting, text) is Turn.MORE


FILES = (
    with_files(("Rechnung M\u00e4rz.pdf", pdf("granite"))),
    with_files(("a.docx", docx("lanterns")), ("b.odt", odt("harbour")), ("c.txt", b"meadow"), ("d.png", b"junk")),
    with_files(("locked.pdf", locked_pdf("hidden", "password")), ("e.html", b"<p>orch<b>ard</b></p>")),
    with_files(("f.zip", b"nobody looks")),
)


async def test_words_of_attachments_are_found_by_fuzzy_searches_only(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, FILES)
    index_all(tmp_path / "mail")
    assert await counts(account) == (2, 0, 4)
    assert (await found(account, "meadow"), await found(account, "granite")) == ([2], [])
    await read_all(tmp_path / "mail", Extractor(ExtractLimits()))
    assert await counts(account) == (5, 1, 0)
    words = ("granite", "lantern", "harbour", "meadow", "orchard", "hidden", "junk", "willow")
    assert [await found(account, word) for word in words] == [[1], [2], [2], [2], [3], [], [], [1, 2, 3, 4]]
    for word in ("granite", "lanterns", "meadow"):
        assert await asked(account, Body(word)) == ([], []), "RFC 9051's BODY is about text parts"


async def test_texts_are_not_kept_once_their_words_are_indexed(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, FILES)
    index_all(tmp_path / "mail")
    await read_all(tmp_path / "mail", Extractor(ExtractLimits()))
    kept = apsw.Connection(str(account_folder(tmp_path / "mail") / INDEX_NAME))
    assert kept.execute("SELECT count(*) FROM attachment WHERE text != ''").get == 0
    inbox = await account.find("INBOX")
    await account.store_flags(inbox.id, [1, 2], FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(inbox.id)
    assert indexer_of(tmp_path / "mail").sweep_turn() is Turn.FINISHED
    assert await counts(account) == (1, 1, 0)
    assert kept.execute("SELECT rowid FROM attachment_terms WHERE attachment_terms MATCH 'granite'").fetchall() == []


async def test_what_the_server_died_of_three_times_is_not_tried_again(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, FILES[:1])
    index_all(tmp_path / "mail")
    for _ in range(3):
        begun: list[BegunReading] = []
        assert indexer_of(tmp_path / "mail").begin_attachment(begun) is Turn.MORE
        assert [(one.waiting.kind, one.data) for one in begun] == [(Kind.PDF, pdf("granite"))]
        assert await counts(account) == (0, 0, 1)
    assert indexer_of(tmp_path / "mail").begin_attachment([]) is Turn.FINISHED
    assert await counts(account) == (0, 1, 0)


async def test_an_attachment_that_went_with_its_message_is_forgotten(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, FILES[:1])
    index_all(tmp_path / "mail")
    inbox = await account.find("INBOX")
    await account.store_flags(inbox.id, [1], FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(inbox.id)
    begun: list[BegunReading] = []
    assert indexer_of(tmp_path / "mail").begin_attachment(begun) is Turn.MORE
    assert begun == []
    assert await counts(account) == (0, 0, 0)


async def until_counts(account: AccountStore, expected: tuple[int, int, int]) -> None:
    async with asyncio.timeout(60):
        while await counts(account) != expected:
            await asyncio.sleep(0.02)


async def test_the_store_reads_attachments_in_the_background(opening: OpenStore) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, FILES)
    store.keep_house(_QUICK)
    await until_counts(account, (5, 1, 0))
    assert await found(account, "granite") == [1]


async def test_off_leaves_them_waiting(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, FILES)
    store.keep_house(IndexSettings(settle_seconds=0, attachments=AttachmentTexts.OFF))
    await until_counts(account, (2, 0, 4))
    await store.close()
    assert not (tmp_path / "mail" / "run" / "attachments.lock").exists(), "nobody began"


def housekeeper_with(mail: Path, script: str) -> Housekeeper:
    """A housekeeper whose reader is a script."""

    async def accounts() -> Sequence[AccountId]:
        return [ANNA]

    extractor = Extractor(ExtractLimits(), (sys.executable, "-I", "-c", script))
    lock = mail / "run" / "attachments.lock"
    return Housekeeper(accounts, lambda _: account_folder(mail), digest, _QUICK, NoEvents(), extractor, lock)


async def test_new_mail_is_indexed_while_a_file_takes_its_time(
    opening: OpenStore, tmp_path: Path, clock: HeldClock
) -> None:
    account = await filled(opening, FILES[:1])
    begun = tmp_path / "begun"
    housekeeper = housekeeper_with(
        tmp_path / "mail", f"import time; open({str(begun)!r}, 'w').close(); time.sleep(3_600)"
    )
    housekeeper.start()
    async with asyncio.timeout(60):
        while not begun.exists():
            await asyncio.sleep(0.02)
        await account.append((await account.find("INBOX")).id, FILES[3:])
        housekeeper.changed(ANNA)
        while (await account.text_index_state()).indexed < 2:
            await asyncio.sleep(0.02)
    await housekeeper.stop()
    assert await counts(account) == (0, 0, 1)


async def test_of_several_processes_one_at_a_time_reads(opening: OpenStore, tmp_path: Path) -> None:
    await filled(opening, FILES)
    at_work, met = tmp_path / "at work", tmp_path / "met"
    # At work for longer than another takes to begin: else two would hardly ever meet.
    alone = (
        "import os, time\n"
        f"try: os.mkdir({str(at_work)!r})\n"
        f"except FileExistsError: open({str(met)!r}, 'w').close()\n"
        f"time.sleep(0.2); os.rmdir({str(at_work)!r}); print(1)"
    )
    housekeepers = [housekeeper_with(tmp_path / "mail", alone) for _ in range(3)]
    for housekeeper in housekeepers:
        housekeeper.start()
    account = await (await opening()).open(ANNA)
    await until_counts(account, (6, 0, 0))
    for housekeeper in housekeepers:
        await housekeeper.stop()
    assert not met.exists(), "two read at the same time"


async def test_without_a_reader_that_begins_attachments_go_on_waiting(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, FILES[:1])
    tried = tmp_path / "tried"
    for _ in range(4):
        housekeeper = housekeeper_with(tmp_path / "mail", f"open({str(tried)!r}, 'w').close(); import no_such_module")
        housekeeper.start()
        async with asyncio.timeout(60):
            while not tried.exists() or tries(tmp_path / "mail") != 0:
                await asyncio.sleep(0.02)
        await housekeeper.stop()
        tried.unlink()
    assert await counts(account) == (0, 0, 1)


def tries(mail: Path) -> int:
    kept = apsw.Connection(str(account_folder(mail) / INDEX_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
    kept.set_busy_timeout(10_000)
    tried = int(kept.execute("SELECT total(tries) FROM attachment").get)
    kept.close()
    return tried


@pytest.mark.parametrize("deed", ["import os; os.abort()", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
async def test_a_reader_that_dies_is_remembered_and_the_next_file_is_read(
    opening: OpenStore, tmp_path: Path, deed: str
) -> None:
    account = await filled(opening, [with_files(("a.pdf", b"bad")), with_files(("b.pdf", b"good"))])
    housekeeper = housekeeper_with(
        tmp_path / "mail", f"import sys\nif sys.stdin.read() == 'bad':\n {deed}\nprint('lantern')"
    )
    housekeeper.start()
    await until_counts(account, (1, 1, 0))
    await housekeeper.stop()
    assert await found(account, "lantern") == [2]
