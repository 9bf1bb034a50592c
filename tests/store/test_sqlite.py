"""What only the SQLite store does: warmth, sweeping, digests on demand, waiting for other processes."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import apsw
import pytest

from pillarbox.clock import HeldClock
from pillarbox.database import open_database
from pillarbox.mail.errors import MailError, StoreCorrupt, StoreUnavailable
from pillarbox.mail.flags import DELETED, SEEN, FlagAction
from pillarbox.mime.digest import digest
from pillarbox.store.contract import AccountId, DigestField, NewMessage, StoreLimits
from pillarbox.store.sqlite import SqliteSettings
from pillarbox.store.sqlite.account_digester import AccountDigester
from pillarbox.store.sqlite.failures import mail_error
from tests.contracts.letters import DATE, letter, new, several
from tests.store.conftest import ANNA, OpenStore, account_folder


def descriptors(folder: Path) -> int:
    """How many files below a folder this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith(str(folder))
        except FileNotFoundError:
            continue
    return count


async def test_accounts_that_nobody_uses_are_closed_past_the_warm_ones(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening(SqliteSettings(warm_accounts=2))
    before = descriptors(tmp_path)
    held = [await store.open(AccountId(f"user{number}")) for number in range(8)]
    for account in held:
        await account.append((await account.find("INBOX")).id, several(1))
    most = descriptors(tmp_path)
    for account in held:
        await account.close()
    await asyncio.gather(*store._closing)
    left = descriptors(tmp_path)
    assert before < left <= before + (most - before) // 4
    again = await store.open(AccountId("user0"))
    assert (await again.status((await again.find("INBOX")).id)).messages == 1
    await again.close()


async def test_an_account_opened_many_times_at_once_is_opened_once(opening: OpenStore) -> None:
    store = await opening()
    held = await asyncio.gather(*(store.open(ANNA) for _ in range(10)))
    assert len({id(account._opened) for account in held}) == 1


async def test_a_failed_opening_is_tried_anew(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    await (await store.open(ANNA)).close()
    await store.close()
    database = account_folder(tmp_path / "mail") / "mail.db"
    good = database.read_bytes()
    database.write_bytes(b"no database at all " * 500)
    store = await opening()
    with pytest.raises(StoreCorrupt):
        await store.open(ANNA)
    database.write_bytes(good)
    assert [mailbox.name for mailbox in await (await store.open(ANNA)).mailboxes()] == ["INBOX"]


async def test_a_missing_digest_is_computed_and_kept(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening(SqliteSettings(inline_bytes=1_000))
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.append(inbox.id, [new("a"), new("b", size_bytes=3_000), new("c")])
    connection = open_database(account_folder(tmp_path / "mail") / "mail.db", 5)
    connection.execute("DELETE FROM digest WHERE content < 3")
    fields = [DigestField.HEADER, DigestField.BODYSTRUCTURE, DigestField.ENVELOPE]
    expected = []
    for message in (letter("a"), letter("b", 3_000), letter("c")):
        known = digest(message)
        expected.append((message[: known.header_size], known.bodystructure, known.envelope))
    assert await account.digests(inbox.id, [1, 2, 3], fields) == expected
    await account._opened.digests.settled()
    assert connection.execute("SELECT count(*) FROM digest").get == 3
    connection.execute("DELETE FROM sort_keys WHERE content < 3")
    sort_keys = [(digest(message).sort_keys,) for message in (letter("b", 3_000), letter("c"))]
    assert await account.digests(inbox.id, [2, 3], [DigestField.SORT_KEYS]) == sort_keys
    await account._opened.digests.settled()
    assert connection.execute("SELECT count(*) FROM sort_keys").get == 2
    assert await account.digests(inbox.id, [1, 2, 3], fields) == expected
    connection.close()


async def test_digests_of_expunged_messages_are_not_kept(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.append(inbox.id, [new("a", DELETED), new("b")])
    asking = asyncio.ensure_future(account.digests(inbox.id, [1, 2], [DigestField.ENVELOPE]))
    await account.expunge(inbox.id)
    await asking
    await account._opened.digests.settled()
    connection = open_database(account_folder(tmp_path / "mail") / "mail.db", 5)
    assert connection.execute("SELECT content FROM digest").fetchall() == [(2,)]
    connection.close()


async def test_large_messages_lie_in_files_that_go_with_their_last_message(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening(SqliteSettings(inline_bytes=1_000, staged_memory_bytes=500))
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    staged = store.stage()
    staged.write(letter("staged", 5_000))
    await account.append(inbox.id, [new("a", DELETED, size_bytes=5_000), NewMessage(staged, DATE)])
    staged.discard()
    blobs = account_folder(tmp_path / "mail") / "blobs"
    assert len(list(blobs.iterdir())) == 2
    assert list((tmp_path / "mail" / "staging").iterdir()) == []
    await account.copy(inbox.id, [1], inbox.id)
    await account.expunge(inbox.id, [1])
    assert len(list(blobs.iterdir())) == 2
    await account.expunge(inbox.id)
    assert len(list(blobs.iterdir())) == 1
    await account.create("other")
    await account.move(inbox.id, [2], (await account.find("other")).id)
    await account.delete("other")
    assert list(blobs.iterdir()) == []
    assert await store.check(ANNA) == []


async def test_a_refused_append_leaves_no_file(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening(SqliteSettings(inline_bytes=1_000))
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.append(inbox.id, [new("a", size_bytes=5_000)])
    with pytest.raises(MailError):
        await account.append(inbox.id, [new("a", size_bytes=5_000), new("b", "not an atom")])
    assert len(list((account_folder(tmp_path / "mail") / "blobs").iterdir())) == 1


async def test_old_orphans_are_swept_when_the_account_is_opened(
    opening: OpenStore, tmp_path: Path, clock: HeldClock
) -> None:
    settings = SqliteSettings(inline_bytes=1_000)
    store = await opening(settings)
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, [new("a", size_bytes=5_000)])
    blobs = account_folder(tmp_path / "mail") / "blobs"
    (named,) = blobs.iterdir()
    orphan = blobs / "orphan"
    orphan.write_bytes(b"x")
    for age, expected in ((3_599.0, {named, orphan}), (3_601.0, {named})):
        clock.seconds = orphan.stat().st_ctime + age
        await (await (await opening(settings)).open(ANNA)).close()
        assert set(blobs.iterdir()) == expected


async def test_staged_files_of_dead_processes_are_swept(opening: OpenStore, tmp_path: Path, clock: HeldClock) -> None:
    await opening()
    left = tmp_path / "mail" / "staging" / "left"
    left.write_bytes(b"x")
    clock.seconds = left.stat().st_mtime + 3_600
    await opening()
    assert left.exists()
    clock.advance(24 * 3_600)
    await opening()
    assert not left.exists()


async def test_a_change_waits_for_another_process_only_so_long(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening(SqliteSettings(busy_seconds=0.05))
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    connection = open_database(account_folder(tmp_path / "mail") / "mail.db", 5)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await account.append(inbox.id, several(1))
    assert (await account.status(inbox.id)).messages == 0
    connection.execute("COMMIT")
    connection.close()
    assert list((await account.append(inbox.id, several(1))).uids) == [1]


async def test_changes_at_once_share_commits_and_a_refused_one_spoils_none(opening: OpenStore) -> None:
    store = await opening()
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    results = await asyncio.gather(
        *(account.append(inbox.id, several(1, "bad flag" if number % 5 == 0 else SEEN)) for number in range(30)),
        return_exceptions=True,
    )
    refused = [number for number, result in enumerate(results) if isinstance(result, MailError)]
    assert refused == [0, 5, 10, 15, 20, 25]
    given = [result.uids[0] for result in results if not isinstance(result, BaseException)]
    assert given == list(range(1, 25))
    assert await store.check(ANNA) == []


async def test_lost_hints_are_made_up_for_by_looking(opening: OpenStore) -> None:
    settings = SqliteSettings(poll_seconds=0.01)
    store, other = await opening(settings), await opening(settings)
    account, writer = await store.open(ANNA), await other.open(ANNA)
    inbox = await account.find("INBOX")
    other._around.publish.__self__._others = list  # type: ignore[attr-defined]  # it knows nobody: hints are lost
    rung = asyncio.Event()
    account.watch(inbox.id, rung.set)
    await writer.append(inbox.id, several(1))
    await asyncio.wait_for(rung.wait(), 10)


async def test_changes_are_seen_when_two_stores_race(opening: OpenStore) -> None:
    accounts = [await (await opening()).open(ANNA) for _ in range(3)]
    inbox = await accounts[0].find("INBOX")
    await accounts[0].append(inbox.id, several(100))

    async def work(number: int) -> None:
        account = accounts[number]
        for step in range(15):
            await account.store_flags(inbox.id, range(1, 101, number + 2), FlagAction.ADD, frozenset({f"k{step}"}))
            await account.append(inbox.id, several(1, DELETED))
            await account.expunge(inbox.id)
            before = await account.status(inbox.id)
            image = await account.image(inbox.id)
            after = await account.status(inbox.id)
            assert before.highest_modseq <= image.highest_modseq <= after.highest_modseq
            if before == after:  # else another store's thread committed between two looks
                assert (len(image.uids), image.highest_modseq) == (after.messages, after.highest_modseq)

    await asyncio.gather(*(work(number) for number in range(3)))
    images = [await account.image(inbox.id) for account in accounts]
    for image in images[1:]:
        assert image.uids == images[0].uids
        assert image.flags == images[0].flags
        assert image.modseqs == images[0].modseqs


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (apsw.FullError("x"), StoreUnavailable),
        (apsw.BusyError("x"), StoreUnavailable),
        (apsw.IOError("x"), StoreUnavailable),
        (apsw.CorruptError("x"), StoreCorrupt),
        (OSError(28, "/secret/path"), StoreUnavailable),
    ],
)
def test_failures_are_said_in_mail_words(error: Exception, expected: type[MailError]) -> None:
    said = mail_error(error)
    assert type(said) is expected
    assert "/" not in str(said)


async def test_a_closed_store_opens_nothing_more(opening: OpenStore) -> None:
    store = await opening()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.open(ANNA)


async def test_closing_finishes_what_is_under_way(opening: OpenStore) -> None:
    store = await opening()
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    appends = [asyncio.ensure_future(account.append(inbox.id, several(1))) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert [(await append).uids[0] for append in appends] == list(range(1, 21))
    again = await (await opening()).open(ANNA)
    assert (await again.status(inbox.id)).messages == 20


async def test_accounts_lists_those_with_mail(opening: OpenStore) -> None:
    store = await opening()
    for name in ("b", "a", "c"):
        await (await store.open(AccountId(name))).close()
    await store.remove(AccountId("b"))
    assert await store.accounts() == ["a", "c"]


async def test_what_was_kept_long_enough_is_removed_for_good(opening: OpenStore, clock: HeldClock) -> None:
    store = await opening(SqliteSettings(inline_bytes=1_000), StoreLimits(keep_expunged_days=2))
    for name in ("anna", "bob"):
        account = await store.open(AccountId(name))
        inbox = await account.find("INBOX")
        await account.append(inbox.id, [new("a", DELETED, size_bytes=5_000), new("b", DELETED)])
        await account.expunge(inbox.id)
        await account.close()
    clock.advance(2 * 86_400)
    assert await store.forget_departed() == 0
    clock.advance(1)
    broken = store._folder_of(AccountId("carl"))
    broken.mkdir(parents=True)
    (broken / "mail.db").write_bytes(b"not a database" * 1_000)
    assert await store.forget_departed() == 4
    assert list((store._folder_of(ANNA) / "blobs").iterdir()) == []
    assert await store.check(ANNA) == []


async def test_nobody_opens_an_account_whose_files_are_being_removed(
    opening: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, several(3))
    folder, removing = account_folder(tmp_path / "mail"), shutil.rmtree

    def beside_a_housekeeper(path: Path, **how: bool) -> None:
        with pytest.raises(apsw.CantOpenError):
            AccountDigester(folder, digest, 1.0).turn()
        removing(path, **how)

    monkeypatch.setattr(shutil, "rmtree", beside_a_housekeeper)
    await account.close()
    await store.remove(ANNA)
    assert [path for path in (tmp_path / "mail").rglob("*") if path.name == ANNA] == []


async def test_what_a_removal_left_behind_is_removed_by_the_next(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    await (await store.open(ANNA)).close()
    folder = account_folder(tmp_path / "mail")
    await store.remove(ANNA)
    for left in (folder, tmp_path / "mail" / "removed" / ANNA):
        left.mkdir()
        (left / "search.db").touch()
    await store.remove(ANNA)
    assert [path for path in (tmp_path / "mail").rglob("*") if path.name == ANNA] == []
