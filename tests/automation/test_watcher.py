"""Mail that comes is handed over exactly once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from pillarbox.automation import Lost, Message, Metrics, Refused, Watcher
from pillarbox.automation.checkpoint import CheckpointBusy
from pillarbox.automation.connection import Connection
from pillarbox.automation.plan import First
from pillarbox.testing.server import ImapsServer
from tests.automation.conftest import PASSWORD
from tests.automation.place import PATIENCE_SECONDS, Account, Handed, Notes, Relay, watching
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

_numbers = count()


@pytest.fixture
def account(server: ImapsServer) -> Account:
    name = f"user{next(_numbers)}"
    server.add_account(name, PASSWORD)
    return Account(server.host, server.port, server.ca_file, name, PASSWORD)


async def off(work: object, *arguments: object) -> None:
    """A client's work, away from the loop that watches."""
    await asyncio.to_thread(work, *arguments)  # type: ignore[arg-type]  # a callable


@pytest.mark.parametrize("kind", ["pillarbox", "dovecot"])
async def test_mail_that_comes_while_idling_is_handed_over_once_and_moved(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "pillarbox":
        place: Account = request.getfixturevalue("account")
    else:
        dovecot: DovecotServer = request.getfixturevalue("dovecot")
        place = Account(dovecot.host, dovecot.port, dovecot.ca_file, "anna", PASSWORD)
    await off(place.append, "old")
    handed, metrics = Handed(), Metrics()
    job = place.job(handed, then="move:Done/Entwürfe")
    async with watching(job, tmp_path / "watch.db", metrics=metrics):
        for number, subject in enumerate(("one", "two", "three"), 1):
            await off(place.append, subject)
            await handed.until(number)
    async with watching(job, tmp_path / "watch.db", metrics=metrics):
        await off(place.append, "four")
        await handed.until(4)
    assert handed.subjects == ["one", "two", "three", "four"]
    assert place.subjects("INBOX") == ["old"]
    assert place.subjects("Done/Entw&APw-rfe") == ["one", "two", "three", "four"]
    assert [message.attempt for message in handed.got] == [1, 1, 1, 1]
    assert len({message.idempotency_key for message in handed.got}) == 4
    assert metrics.value("done", str(job.address), "INBOX") == 4


async def test_a_failure_is_tried_again_and_given_up_in_the_end(account: Account, tmp_path: Path) -> None:
    handed, notes = Handed(fails=lambda message: b"bad" in message.raw), Notes()
    job = account.job(handed, then="flag:$Processed", dead_letter="Failed")
    async with watching(job, tmp_path / "watch.db", notes):
        await off(account.append, "bad", "good")
        await handed.until(4)
        await notes.until("given up after 3 attempts")
    assert sorted(handed.subjects) == ["bad", "bad", "bad", "good"]
    bad = [message for message in handed.got if b"bad" in message.raw]
    assert [message.attempt for message in bad] == [1, 2, 3]
    assert len({message.idempotency_key for message in bad}) == 1
    assert any("attempt 2 of 3 failed: ValueError: not today" in line for line in notes.lines)
    assert account.subjects("INBOX") == ["good"]
    assert account.subjects("Failed") == ["bad"]
    client = account.client()
    client.select("INBOX")
    assert b"$Processed" in client.fetch("1", "(FLAGS)")[1][0]
    client.logout()


async def test_a_broken_connection_loses_nothing_and_doubles_nothing(account: Account, tmp_path: Path) -> None:
    handed, notes = Handed(), Notes()
    relay = Relay("127.0.0.1", account.port)
    async with relay.open() as port, watching(account.job(handed, port=port), tmp_path / "watch.db", notes):
        await off(account.append, "one")
        await handed.until(1)
        relay.drop()
        await off(account.append, "two")
        await notes.until("connection lost")
        await handed.until(2)
        await off(account.append, "three")
        await handed.until(3)
    assert handed.subjects == ["one", "two", "three"]


async def test_a_connection_that_breaks_while_a_handler_runs_moves_the_message_later(
    account: Account, tmp_path: Path
) -> None:
    relay = Relay("127.0.0.1", account.port)
    handed, notes = Handed(), Notes()

    async def cut(message: Message) -> None:
        await handed(message)
        relay.drop()

    async with (
        relay.open() as port,
        watching(account.job(cut, port=port, then="move:Done"), tmp_path / "watch.db", notes),
    ):
        await off(account.append, "one", "two")
        await handed.until(2)  # the first was put away before the second was handed over
    assert handed.subjects == ["one", "two"]
    assert account.subjects("Done")[0] == "one"
    assert any("connection lost" in line for line in notes.lines)


async def test_a_server_that_is_killed_and_started_again_is_watched_again(tmp_path: Path) -> None:
    with PillarboxServer(tmp_path / "data", workers=1) as killed:
        killed.add_account("alice", PASSWORD)
        place = Account(killed.host, killed.port, killed.ca_file, "alice", PASSWORD)
        handed, notes = Handed(), Notes()
        async with watching(place.job(handed), tmp_path / "watch.db", notes):
            await off(place.append, "one")
            await handed.until(1)
            await off(killed.kill)
            await notes.until("connection lost")
            await off(killed.start)
            await off(place.append, "two")
            await handed.until(2)
        assert handed.subjects == ["one", "two"]


@pytest.mark.parametrize("first", First)
async def test_new_uids_are_explained_and_nothing_is_handed_over_twice(
    account: Account, tmp_path: Path, first: First
) -> None:
    handed, notes = Handed(), Notes()
    account.commands(("create", "Work"))
    job = account.job(handed, mailbox="Work", first=first)
    async with watching(job, tmp_path / "watch.db"):
        await off(lambda: account.append("one", "two", mailbox="Work"))
        await handed.until(2)
    account.commands(("delete", "Work"), ("create", "Work"))
    account.append("two", "new", mailbox="Work")
    async with watching(job, tmp_path / "watch.db", notes):
        await off(lambda: account.append("later", mailbox="Work"))
        await handed.until(4 if first is First.HAND_OVER else 3)
    assert handed.subjects[2:] == (["new", "later"] if first is First.HAND_OVER else ["later"])
    assert any("numbers this mailbox anew" in line for line in notes.lines)


async def test_a_server_without_idle_and_move_is_polled(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Connection._learn

    async def learn_less(connection: Connection) -> None:
        await learn(connection)
        connection._has -= {b"IDLE", b"MOVE"}

    monkeypatch.setattr(Connection, "_learn", learn_less)
    handed = Handed()
    job = account.job(handed, then="move:Done")
    job = replace(job, patience=replace(job.patience, poll_seconds=0.05))
    async with watching(job, tmp_path / "watch.db"):
        await off(account.append, "one")
        await handed.until(1)
    assert (account.subjects("INBOX"), account.subjects("Done")) == ([], ["one"])


async def test_a_plain_function_runs_beside_the_loop_and_stop_waits_for_it(account: Account, tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    finished = []

    def handle(message: Message) -> None:
        begun.set()
        assert go.wait(PATIENCE_SECONDS)
        finished.append(message.uid)

    async with watching(account.job(handle, then="delete"), tmp_path / "watch.db") as watcher:
        await off(account.append, "one", "two")
        await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
        watcher.stop()
        go.set()
    assert finished == [1]
    assert account.subjects("INBOX") == ["two"]


async def test_the_checkpoint_is_for_one_process(account: Account, tmp_path: Path) -> None:
    async with watching(account.job(Handed()), tmp_path / "watch.db"):
        with pytest.raises(CheckpointBusy, match="another process"):
            await Watcher([account.job(Handed())], tmp_path / "watch.db").run()


async def test_a_wrong_password_and_an_untrusted_certificate_are_refused(account: Account, tmp_path: Path) -> None:
    stranger = Account(account.host, account.port, account.ca_file, account.user, "hunter2")
    with pytest.raises(Refused, match="AUTHENTICATIONFAILED") as refusal:
        await Watcher([stranger.job(Handed())], tmp_path / "watch.db").run()
    assert "hunter2" not in str(refusal.value)
    account.ca_file = None  # type: ignore[assignment]  # the system's authorities alone
    with pytest.raises(Refused, match="--ca-file"):
        await Watcher([account.job(Handed())], tmp_path / "watch.db").run()


async def test_who_never_answers_is_given_up(account: Account) -> None:
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as silent:
        job = account.job(Handed(), port=silent.sockets[0].getsockname()[1])
        with pytest.raises(Lost):
            await Connection.open(job.address, job.password, 0.2)
