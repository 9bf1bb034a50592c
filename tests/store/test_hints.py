"""Hints between processes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from pillarbox.events import NoEvents
from pillarbox.store.hints import HintBoard


class Inbox:
    """Takes hints, merged."""

    def __init__(self) -> None:
        self.got: dict[str, set[int]] = {}
        self.news = asyncio.Event()

    def __call__(self, account: str, mailboxes: Iterable[int]) -> None:
        self.got.setdefault(account, set()).update(mailboxes)
        self.news.set()

    async def until(self, account: str, mailboxes: set[int]) -> None:
        async with asyncio.timeout(10):
            while not mailboxes <= self.got.get(account, set()):
                self.news.clear()
                await self.news.wait()


@pytest.fixture(params=["short", "x" * 110], ids=["short path", "long path"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / request.param
    folder.mkdir()
    return folder


async def test_hints_reach_all_others_but_not_oneself(folder: Path) -> None:
    inboxes = [Inbox() for _ in range(3)]
    boards = [HintBoard(folder, inbox, NoEvents()) for inbox in inboxes]
    boards[0].publish("anna", {1, 2})
    await inboxes[1].until("anna", {1, 2})
    await inboxes[2].until("anna", {1, 2})
    assert inboxes[0].got == {}
    for board in boards:
        board.close()
    assert list(folder.iterdir()) == []


async def test_a_dead_process_is_forgotten(folder: Path) -> None:
    inbox = Inbox()
    board = HintBoard(folder, Inbox(), NoEvents())
    dead = HintBoard(folder, inbox, NoEvents())
    dead._loop.remove_reader(dead._socket)
    dead._socket.close()
    assert len(list(folder.iterdir())) == 2
    board.publish("anna", {1})
    assert len(list(folder.iterdir())) == 1
    board.close()


async def test_hints_beyond_a_full_queue_come_late_and_merged(folder: Path) -> None:
    inbox = Inbox()
    board, slow = HintBoard(folder, Inbox(), NoEvents()), HintBoard(folder, inbox, NoEvents())
    for number in range(5_000):
        board.publish("anna", {number})
    await inbox.until("anna", set(range(5_000)))
    board.close()
    slow.close()


async def test_hints_of_very_many_mailboxes_are_split(folder: Path) -> None:
    inbox = Inbox()
    board, other = HintBoard(folder, Inbox(), NoEvents()), HintBoard(folder, inbox, NoEvents())
    board.publish("anna", range(10**9, 10**9 + 2_000))
    await inbox.until("anna", set(range(10**9, 10**9 + 2_000)))
    board.close()
    other.close()


async def test_nonsense_from_others_is_harmless(tmp_path: Path) -> None:
    inbox = Inbox()
    board = HintBoard(tmp_path, inbox, NoEvents())
    (path,) = tmp_path.iterdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for nonsense in (b"", b"\xff\xfe", b"anna x -1 1e9 " + b"9" * 5_000, b"berta 7"):
            stranger.sendto(nonsense, str(path))
    await inbox.until("berta", {7})
    assert inbox.got["berta"] == {7}
    assert inbox.got.get("anna", set()) == set()
    board.close()


async def test_without_a_socket_there_are_no_hints_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HintBoard, "_address", lambda self, name: "/nowhere/at/all")
    board = HintBoard(tmp_path, Inbox(), NoEvents())
    board.publish("anna", {1})
    board.close()
