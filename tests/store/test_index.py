"""The index of texts: what it says of keys, and how it comes up to date."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mime.digest import digest
from pillarbox.search.query import Address, Body, Header, Text
from pillarbox.store.contract import AccountStore, MailboxId, NewMessage, TextKey
from pillarbox.store.sqlite import asking
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from pillarbox.store.sqlite.index import INDEX_NAME
from pillarbox.store.sqlite.index_settings import IndexSettings
from tests.store.conftest import ANNA, OpenStore, account_folder

DATE = InternalDate(1_780_000_000, 0)


def letter(subject: str, text: str, sender: str = "joe@example.org") -> NewMessage:
    raw = f"From: {sender}\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    return NewMessage(raw.encode(), DATE)


def indexer_of(mail: Path, settings: IndexSettings | None = None) -> AccountIndexer:
    return AccountIndexer(account_folder(mail), digest, settings or IndexSettings(), NoEvents())


def index_all(mail: Path, settings: IndexSettings | None = None) -> None:
    while indexer_of(mail, settings).add_turn() is not Turn.FINISHED:
        pass


async def asked(account: AccountStore, key: TextKey, mailbox: MailboxId | None = None) -> tuple[list[int], list[int]]:
    """Certain and possible UIDs."""
    box = mailbox or (await account.find("INBOX")).id
    uids = list((await account.image(box)).uids)
    found = await account.text_candidates(box, key, uids)
    assert found is not None
    return list(found.certain), list(found.possible)


async def filled(opening: OpenStore, messages: Sequence[NewMessage]) -> AccountStore:
    account = await (await opening()).open(ANNA)
    await account.append((await account.find("INBOX")).id, messages)
    return account


THREE = (
    letter("Lantern", "a granite harbour"),
    letter("harbour", "会議の見積書 and a lantern", "Größe <lantern@example.net>"),
    letter("nothing", "nothing to see"),
)


@pytest.mark.parametrize("few_texts", [0, 200])
@pytest.mark.parametrize(
    ("key", "uids"),
    [
        (Header("SUBJECT", "anter"), [1]),
        (Header("Subject", ""), [1, 2, 3]),
        (Address("From", "LANTERN@"), [2]),
        (Address("From", "größe"), [2]),
        (Address("Cc", ""), []),
        (Body("lantern"), [2]),
        (Body("granite harbour"), [1]),
        (Body("granit"), [1]),
        (Body("anite"), [1]),
        (Body("granite  harbour"), []),
        (Body("見積"), [2]),
        (Body("書"), [2]),
        (Body("の見積書"), [2]),
        (Body("r"), [1, 2]),
        (Body("e\r\n"), [3]),
        (Body("e\r\n!"), []),
        (Text("lantern"), [1, 2]),
        (Text("subject: n"), [3]),
        (Text("zz"), []),
        (Text("e"), [1, 2, 3]),
    ],
)
async def test_what_is_indexed_is_answered_for_certain(
    opening: OpenStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: TextKey,
    uids: list[int],
    few_texts: int,
) -> None:
    """By looking through all of a few texts, and by trigrams."""
    monkeypatch.setattr(asking, "FEW_TEXTS", few_texts)
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    assert await asked(account, key) == (uids, [])


@pytest.mark.parametrize("needle", ["*", "?", "[", "[d]", "b?c", "a*b?c[d]e^f-g", "[^", "^f-", "]e", "x" * 1_500])
async def test_signs_that_mean_something_elsewhere_mean_themselves(
    opening: OpenStore, tmp_path: Path, needle: str
) -> None:
    """GLOB's own signs, and a needle that is no pattern any more."""
    account = await filled(opening, (letter("s", "a*b?c[d]e^f-g[^" + "x" * 1_500), letter("s", "axxb_cde^g" * 200)))
    index_all(tmp_path / "mail")
    assert await asked(account, Body(needle)) == ([1], [])


async def test_what_is_not_indexed_yet_is_possible(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    box = (await account.find("INBOX")).id
    assert await account.text_candidates(box, Body("lantern"), [1, 2, 3]) is None
    index_all(tmp_path / "mail")
    await account.append(box, THREE)
    assert await asked(account, Body("lantern")) == ([2], [4, 5, 6])
    index_all(tmp_path / "mail")
    assert await asked(account, Body("lantern")) == ([2, 5], [])


async def test_other_header_fields_are_narrowed_by_the_whole_header(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    assert await asked(account, Header("X-Any", "lantern")) == ([], [1, 2])
    assert await asked(account, Header("content-TYPE", "")) == ([], [1, 2, 3])
    assert await asked(account, Header("X-Missing", "")) == ([], [])


@pytest.mark.parametrize("key", [Body("a\x00b"), Body("\x01"), Header("Subject", "\ufffd"), Header("X Y", "nothing")])
async def test_keys_that_the_index_can_not_tell_are_left_to_reading(
    opening: OpenStore, tmp_path: Path, key: TextKey
) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    assert await account.text_candidates((await account.find("INBOX")).id, key, [1, 2, 3]) is None


async def test_copies_and_moves_need_no_indexing(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    inbox, other = await account.find("INBOX"), await account.create("other")
    await account.copy(inbox.id, [1, 2, 3], other.id)
    await account.move(inbox.id, [2], other.id)
    assert await asked(account, Body("lantern"), other.id) == ([2, 4], [])
    assert (await account.text_index_state()).waiting == 0


async def test_texts_of_messages_that_are_gone_are_swept(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    inbox = await account.find("INBOX")
    await account.store_flags(inbox.id, [2], FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(inbox.id)
    found = await account.text_candidates(inbox.id, Body("lantern"), [1, 2, 3])
    assert found is not None
    assert (list(found.certain), list(found.possible)) == ([], [2]), "who asks for one that is gone must find out"
    assert (await account.text_index_state()).indexed == 3
    assert indexer_of(tmp_path / "mail").sweep_turn() is Turn.FINISHED
    assert (await account.text_index_state()).indexed == 2
    kept = apsw.Connection(str(account_folder(tmp_path / "mail") / INDEX_NAME))
    assert [row for table in ("document", "header_text", "body_text") for row in
            kept.execute(f"SELECT content FROM {table} ORDER BY content")] == [(1,), (3,)] * 3  # fmt: skip
    assert kept.execute("SELECT rowid FROM body_trigrams WHERE body_trigrams MATCH '\"lan\"'").fetchall() == []
    assert kept.execute("SELECT rowid FROM body_seams WHERE body_seams MATCH 'lan*'").fetchall() == []
    assert kept.execute("SELECT count(*) FROM field WHERE content = 2").get == 0


async def test_a_lost_index_is_made_anew(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    (account_folder(tmp_path / "mail") / INDEX_NAME).unlink()
    index_all(tmp_path / "mail")
    fresh = await (await opening()).open(ANNA)
    assert await asked(fresh, Text("lantern")) == ([1, 2], [])
    assert await asked(account, Text("lantern")) == ([1, 2], [])


@pytest.mark.parametrize("damage", ["no database at all", "zeroed middle", "another version"])
async def test_a_broken_index_is_made_anew(opening: OpenStore, tmp_path: Path, damage: str) -> None:
    account = await filled(opening, THREE)
    index_all(tmp_path / "mail")
    path = account_folder(tmp_path / "mail") / INDEX_NAME
    with apsw.Connection(str(path)) as kept:
        kept.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if damage == "another version":
            kept.execute("PRAGMA user_version = 99")
    kept.close()
    if damage == "no database at all":
        path.write_bytes(b"nothing that anybody wrote" * 1_000)
    if damage == "zeroed middle":
        whole = path.read_bytes()
        path.write_bytes(whole[:16_384] + bytes(len(whole) - 16_384))
    box = (await account.find("INBOX")).id
    found = await account.text_candidates(box, Text("lantern"), [1, 2, 3])
    assert found is None or set(found.possible) | set(found.certain) >= {1, 2}
    index_all(tmp_path / "mail")
    assert await asked(account, Text("lantern")) == ([1, 2], [])


async def test_mail_put_back_to_an_earlier_state_discards_the_index(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    box = (await account.find("INBOX")).id
    await account.append(box, THREE[:1])
    await store.close()
    database = account_folder(tmp_path / "mail") / "mail.db"
    earlier = database.read_bytes()
    store = await opening()
    account = await store.open(ANNA)
    await account.append(box, THREE[1:])
    index_all(tmp_path / "mail")
    await store.close()
    database.write_bytes(earlier)
    account = await (await opening()).open(ANNA)
    await account.append(box, (letter("another", "altogether"), letter("second", "lantern")))
    index_all(tmp_path / "mail")
    assert await asked(account, Body("lantern")) == ([3], [])
    assert await asked(account, Body("altogether")) == ([2], [])


async def test_large_texts_are_left_to_reading_and_large_attachments_are_not(
    opening: OpenStore, tmp_path: Path
) -> None:
    settings = IndexSettings(text_bytes=50_000)
    attached = NewMessage(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlantern\r\n--b\r\n"
        b"Content-Type: image/png\r\n\r\n" + b"x" * 400_000 + b"\r\n--b--\r\n",
        DATE,
    )
    account = await filled(opening, (letter("log", "lantern " * 50_000), attached))
    index_all(tmp_path / "mail", settings)
    assert await asked(account, Body("lantern")) == ([2], [1])
    state = await account.text_index_state()
    assert (state.indexed, state.waiting, state.always_read) == (1, 0, 1)
    assert state.size_bytes > 10_000


async def test_a_bug_with_one_message_stops_no_other(opening: OpenStore, tmp_path: Path) -> None:
    bugs: list[str] = []

    class Bugs(NoEvents):
        def bug(self, event: str, error: BaseException, **fields: object) -> None:
            bugs.append(event)

    account = await filled(opening, THREE)
    folder = account_folder(tmp_path / "mail")
    with apsw.Connection(str(folder / "mail.db")) as mail:
        mail.execute("INSERT OR REPLACE INTO digest VALUES (2, x'', x'', x'', x'01ff')")
    mail.close()
    assert AccountIndexer(folder, digest, IndexSettings(), Bugs()).add_turn() is Turn.FINISHED
    assert bugs == ["index.message_failed"]
    assert await asked(account, Body("nothing to see")) == ([3], [2])


async def test_only_one_indexes_at_a_time(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE)
    folder = account_folder(tmp_path / "mail")
    index_all(tmp_path / "mail")
    await account.append((await account.find("INBOX")).id, THREE)
    with apsw.Connection(str(folder / INDEX_NAME)) as other:
        other.execute("UPDATE progress SET swept_through = 0")
        assert indexer_of(tmp_path / "mail").add_turn() is Turn.OTHERS
        assert await asked(account, Body("lantern")) == ([2], [4, 5, 6])
    other.close()
    assert indexer_of(tmp_path / "mail").add_turn() is Turn.FINISHED


async def test_a_turn_ends_in_time_and_the_next_one_goes_on(opening: OpenStore, tmp_path: Path) -> None:
    account = await filled(opening, THREE * 5)
    short = IndexSettings(turn_seconds=0.0)
    assert indexer_of(tmp_path / "mail", short).add_turn() is Turn.MORE
    assert (await account.text_index_state()).waiting == 14
    assert indexer_of(tmp_path / "mail").add_turn() is Turn.FINISHED
    assert (await account.text_index_state()).waiting == 0


async def test_mail_that_can_not_be_read_leaves_the_index_alone(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, THREE)
    index_all(tmp_path / "mail")
    await store.close()
    folder = account_folder(tmp_path / "mail")
    before = (folder / INDEX_NAME).read_bytes()
    (folder / "mail.db").write_bytes(b"broken" * 5_000)
    with pytest.raises(Exception, match="NotADBError"):
        indexer_of(tmp_path / "mail").add_turn()
    assert (folder / INDEX_NAME).read_bytes() == before


async def test_an_account_without_mail_gets_no_index(opening: OpenStore, tmp_path: Path) -> None:
    await (await opening()).open(ANNA)
    assert indexer_of(tmp_path / "mail").add_turn() is Turn.FINISHED
    assert indexer_of(tmp_path / "mail").sweep_turn() is Turn.FINISHED
    assert not (account_folder(tmp_path / "mail") / INDEX_NAME).exists()


async def test_the_store_indexes_in_the_background(opening: OpenStore, clock: HeldClock) -> None:
    store = await opening()
    account = await store.open(ANNA)
    box = (await account.find("INBOX")).id
    await account.append(box, THREE)
    store.keep_house(IndexSettings(settle_seconds=0, processor_share=1.0))
    while (await account.text_index_state()).waiting:
        pass
    await account.append(box, THREE)
    while (await account.text_index_state()).waiting:
        pass
    assert await asked(account, Body("lantern")) == ([2, 5], [])
    await store.close()


async def test_a_50_mb_text_costs_the_indexer_no_memory(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    staged = store.stage()
    staged.write(b"Subject: huge\r\n\r\n")
    for _ in range(49):
        staged.write(b"all work and no play\r\n" * 47_000)
    await account.append((await account.find("INBOX")).id, [NewMessage(staged, DATE)])
    tracemalloc.start()
    index_all(tmp_path / "mail")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2_000_000
    assert await asked(account, Body("nowhere")) == ([], [1])
    assert await asked(account, Header("Subject", "huge")) == ([], [1])
