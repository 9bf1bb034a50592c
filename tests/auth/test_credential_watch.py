"""Sessions end when what let them in is taken back, or its time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pillarbox.auth.app_passwords import AppPasswords, Terms
from pillarbox.auth.contract import Attempt, Granted
from pillarbox.auth.credential import of_app_password, of_password
from pillarbox.auth.credential_watch import REASON, CredentialWatch
from pillarbox.auth.directory import Account, AccountDirectory, DirectoryUnavailable
from pillarbox.auth.sessions import LiveSession, LiveSessions
from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents

FROM = Attempt("192.0.2.7", "PLAIN")


class Watched:
    """alice, who can log in, and who is told to leave."""

    def __init__(self, path: Path) -> None:
        self.clock = HeldClock()
        self.directory = AccountDirectory.open(path, self.clock)
        self.aside = AccountDirectory.open(path, self.clock)
        self.alice = self.directory.add("alice", "$hash")
        self.sessions = LiveSessions()
        self.watch = CredentialWatch(self.sessions, self.aside, self.clock, NoEvents())
        self.ended: list[tuple[str, str]] = []

    def begin(self, name: str, credential: str, expires_seconds: float | None = None) -> LiveSession:
        granted = Granted(self.alice.id, "alice", credential=credential, expires_seconds=expires_seconds)
        live: list[LiveSession] = []

        def end(reason: str) -> None:
            self.ended.append((name, reason))
            self.sessions.leave(live[0])

        live.append(self.sessions.begin("imap", granted, FROM, self.clock.now_seconds(), end))
        return live[0]

    def account(self) -> Account:
        found = self.directory.find("alice")
        assert found is not None
        return found


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "accounts.db")
    yield watched
    await watched.watch.close()
    watched.aside.close()
    watched.directory.close()


async def test_nobody_leaves_while_nothing_is_taken_back(watched: Watched) -> None:
    watched.begin("password", of_password(watched.account()))
    watched.begin("certificate", "certificate:x")
    watched.begin("unknown", "")
    watched.directory.add("bob", "$hash")
    assert (await watched.watch.look(), watched.ended) == (0, [])


async def test_a_changed_password_ends_its_own_sessions_only(watched: Watched) -> None:
    made, _ = AppPasswords(watched.directory, watched.clock).add(watched.alice.id, "phone", Terms())
    watched.begin("password", of_password(watched.account()))
    watched.begin("phone", of_app_password(made.id))
    await watched.watch.look()
    watched.directory.set_password("alice", "$other")
    watched.begin("new", of_password(watched.account()))
    assert await watched.watch.look() == 1
    assert watched.ended == [("password", REASON)]


async def test_a_disabled_account_ends_all_of_its_sessions(watched: Watched) -> None:
    for credential in (of_password(watched.account()), "", "certificate:x"):
        watched.begin(credential, credential)
    watched.directory.disable("alice")
    assert await watched.watch.look() == 3


async def test_a_session_that_begins_with_what_was_taken_back_meanwhile_ends_too(watched: Watched) -> None:
    credential = of_password(watched.account())
    watched.directory.set_password("alice", "$other")
    await watched.watch.look()
    watched.begin("late", credential)
    assert await watched.watch.look() == 1


async def test_a_session_ends_with_the_time_of_its_app_password(watched: Watched) -> None:
    watched.begin("phone", "certificate:x", watched.clock.now_seconds() + 60)
    assert await watched.watch.look() == 0
    watched.clock.advance(60)
    assert await watched.watch.look() == 1


async def test_accounts_that_cannot_be_read_end_no_session(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.begin("password", of_password(watched.account()))
    watched.directory.disable("alice")

    def broken(*_: object) -> None:
        raise DirectoryUnavailable("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(watched.aside, "rows", broken)
        assert await watched.watch.look() == 0
    assert await watched.watch.look() == 1
