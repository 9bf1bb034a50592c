"""A power cut between the store and the checkpoint; what mailboxes are called; batches that are recognised."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId, NewMessage, StoreLimits
from pillarbox.store.sqlite import SqliteStore, open_store
from pillarbox.transfer.address import Address, AddressInvalid, Start, read_address
from pillarbox.transfer.checkpoint import Checkpoint, CheckpointBusy, Intended, Point
from pillarbox.transfer.many import Job, Patience, Plan, Verification, migrate_all
from pillarbox.transfer.migration import Wishes
from pillarbox.transfer.names import plan_names
from pillarbox.transfer.progress import Outcome
from pillarbox.transfer.recognise import find_batch
from pillarbox.transfer.source import SourceFolder
from tests.servers.dovecot import DovecotServer
from tests.transfer.old_account import PASSWORD, connect, letter


class PowerCut(Exception):
    """The machine is off."""


class Silent:
    def mailbox(self, name: str, messages: int) -> None:
        pass

    def took(self, messages: int, size_bytes: int) -> None:
        pass

    def compared(self, messages: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass


async def bring(source: DovecotServer, store: SqliteStore, folder: Path) -> Outcome:
    address = Address(source.host, source.port, "jo", ca_file=source.ca_file)
    job = Job(address, Secret(PASSWORD), AccountId("jo"), "jo")
    plan = Plan(Wishes(), Patience(), folder, Verification.EVERY_MESSAGE)
    (outcome,) = await migrate_all([job], plan, store, SystemClock(), lambda job: Silent())
    return outcome


async def test_a_power_cut_between_store_and_checkpoint_brings_nothing_twice(
    dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(dovecot, "jo") as client:
        for number in range(12):
            client.append("INBOX", letter(f"same {number % 5}"))
    store = await open_store(tmp_path / "mail", StoreLimits(), SystemClock(), NoEvents())
    mail = await store.open(AccountId("jo"))
    inbox = (await mail.find("INBOX")).id
    mine = NewMessage(letter("mine"), InternalDate(0, 0))
    await mail.append(inbox, [mine])

    def cut(self: Checkpoint, point: Point, pairs: Iterable[tuple[Intended, int]]) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "took", cut)
        with pytest.raises(ExceptionGroup):
            await bring(dovecot, store, tmp_path / "transfer")
    assert (await mail.status(inbox)).messages == 13
    await mail.append(inbox, [mine, NewMessage(letter("same 0"), InternalDate(0, 0))])
    await mail.store_flags(inbox, [2, 5], FlagAction.ADD, frozenset({DELETED}))
    await mail.expunge(inbox)
    outcome = await bring(dovecot, store, tmp_path / "transfer")
    assert (outcome.failure, outcome.messages) == ("", 0)
    assert (await mail.status(inbox)).messages == 13
    assert [text.partition(": ")[2] for text in outcome.differences] == ["was expunged here"] * 2
    await mail.close()
    await store.close()


async def test_a_power_cut_before_the_store_loses_nothing(
    dovecot: DovecotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(dovecot, "jo") as client:
        client.append("INBOX", letter("last"))
    store = await open_store(tmp_path / "mail", StoreLimits(), SystemClock(), NoEvents())
    intend = Checkpoint.intend

    def cut(self: Checkpoint, point: Point, uidnext: int, batch: list[Intended]) -> None:
        intend(self, point, uidnext, batch)
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "intend", cut)
        with pytest.raises(ExceptionGroup):
            await bring(dovecot, store, tmp_path / "transfer")
    outcome = await bring(dovecot, store, tmp_path / "transfer")
    assert (outcome.failure, outcome.different, outcome.messages) == ("", 0, outcome.compared)
    assert outcome.compared > 0
    await store.close()


def test_two_processes_do_not_bring_the_same_account(tmp_path: Path) -> None:
    with Checkpoint(tmp_path / "a.db", "x"), pytest.raises(CheckpointBusy):
        Checkpoint(tmp_path / "a.db", "y")
    with Checkpoint(tmp_path / "a.db", "y"):
        pass


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ({7: b"a", 8: b"b", 9: b"c"}, 7),
        ({5: b"x", 7: b"a", 8: b"b", 9: b"c", 10: b"x"}, 7),
        ({8: b"b"}, 7),
        ({5: b"a", 6: b"x", 9: b"c"}, 7),
        ({5: b"a", 6: b"x"}, None),
        ({5: b"x"}, None),
        ({}, None),
    ],
)
def test_a_batch_is_recognised_by_what_is_left_of_it(there: dict[int, bytes], found: int | None) -> None:
    assert find_batch([b"a", b"b", b"c"], sorted(there), there) == found


def test_names_lose_prefix_and_delimiter_and_never_fall_together() -> None:
    folders = [
        SourceFolder(name, ".", frozenset(), is_subscribed=True)
        for name in (
            b"INBOX", b"INBOX.Sent", b"INBOX.a.b", b"INBOX.a/b", b"INBOX.A_B", b"INBOX.Entw&APw-rfe", b"INBOX.x*",
            b"INBOX..", b"old",
        )
    ]  # fmt: skip
    assert list(plan_names(folders, "INBOX.", {b"old": "Kept"}).values()) == [
        "Kept", "INBOX", "Sent", "a/b", "a_b", "A_B_2", "Entwürfe", "x_", "_/_",
    ]  # fmt: skip


def test_addresses_are_read() -> None:
    assert read_address("imaps://alice@example.org@old.example.org") == Address(
        "old.example.org", 993, "alice@example.org"
    )
    assert read_address("starttls://a%40b@[::1]:1143/") == Address("::1", 1143, "a@b", Start.STARTTLS)
    for wrong in ("imap://a@b", "a@b", "imaps://", "imaps://a:b@c", "imaps://a@b/INBOX", "imaps://a@b:99999"):
        with pytest.raises(AddressInvalid):
            read_address(wrong)
