"""Guessing passwords from everywhere: throttled and alarmed, and nobody who belongs here is kept out."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.abuse.attack import PASSWORD, Talk, attack, near
from tests.abuse.talk import RudeClient
from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer

NAMES = [f"user{number}@example.org" for number in range(40)]
PEOPLE = NAMES[:3]
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    config = tmp_path_factory.mktemp("target") / "pillarbox.toml"
    config.write_text(f"{CHEAP_HASHES}[net]\nmax_connections_per_address = 8\n")
    with PillarboxServer(config=config, workers=2) as running:
        running.add_accounts([(name, PASSWORD) for name in NAMES])
        yield running


def login(server: PillarboxServer, name: str, password: str, source: str) -> str:
    talk = Talk(server, server.client_context(), source)
    try:
        return talk.login(name, password)
    finally:
        talk.close()


def wait_for(server: PillarboxServer, *command: str, holding: str) -> str:
    """What a command says once it says that."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        said = server.command(*command)
        if holding in said:
            return said
    raise AssertionError(f"{command} never said {holding}: {said}")


def written(server: PillarboxServer, name: str, count: int) -> None:
    """Wait until so many decisions about a name are kept."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while len(json.loads(server.command("logins", "list", "--user", name, "--json"))) < count:
        assert time.monotonic() < give_up


def test_a_spray_is_throttled_and_alarmed_and_no_legitimate_login_fails(target: PillarboxServer) -> None:
    told, met = attack(target, NAMES[:35], PEOPLE, guesses=400, sources=near(40), threads=4)
    assert met.failed == []
    assert len(met.seconds) >= len(PEOPLE)
    assert told.answers["OK"] == 0
    assert told.answers["NO LIMIT"] > 0
    wait_for(target, "alarms", "list", holding="\tspraying\t")
    wait_for(target, "bans", "list", holding="127.10.0.")
    history = json.loads(target.command("logins", "list", "--user", PEOPLE[0], "--last", "1000", "--json"))
    assert {each["result"] for each in history} == {"granted", "denied"}


def test_a_name_that_nobody_has_is_answered_like_the_others(target: PillarboxServer) -> None:
    answers = [
        [login(target, name, f"wrong {number}", f"127.50.{number}.{place}") for number in range(32)]
        for place, name in ((1, NAMES[38]), (2, "nobody@example.org"))
    ]
    assert answers[0] == answers[1]
    assert set(answers[0]) == {"NO AUTHENTICATIONFAILED", "NO LIMIT"}


def test_an_operators_ban_is_felt_and_lifted(target: PillarboxServer) -> None:
    assert login(target, NAMES[36], PASSWORD, "127.60.0.1") == "OK"
    target.command("bans", "add", "127.60.0.0/24", "--hours", "1")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while login(target, NAMES[36], PASSWORD, "127.60.0.1") != "NO LIMIT":
        assert time.monotonic() < give_up
    target.command("bans", "remove", "127.60.0.0/24")
    while login(target, NAMES[36], PASSWORD, "127.60.0.1") != "OK":
        assert time.monotonic() < give_up


def test_a_password_that_was_guessed_is_told_to_its_owner_in_inbox(target: PillarboxServer) -> None:
    name = NAMES[37]
    assert login(target, name, PASSWORD, "127.70.0.1") == "OK"
    for number in range(11):
        assert login(target, name, f"wrong {number}", f"127.71.{number}.1") == "NO AUTHENTICATIONFAILED"
    written(target, name, 12)  # by both workers: what one wrote down within the last second, the other can't judge by
    assert login(target, name, PASSWORD, "127.72.0.1") == "OK"
    wait_for(target, "alarms", "list", "--user", name, holding="\tfailures-then-success\t")
    with RudeClient(target, timeout_seconds=60) as owner:
        owner.login(name, PASSWORD)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not any(b"1 EXISTS" in line for line in owner.ok(b"SELECT INBOX").untagged):
            assert time.monotonic() < give_up
        (message,) = [line for line in owner.ok(b"FETCH 1 BODY[]").untagged if b"FETCH" in line]
    assert b"Subject: A strange login to your mail" in message
    assert b"wrong passwords within the hour before" in message
    assert b"from     127.72.0.1" in message


def test_the_filter_in_the_manual_finds_every_refusal_and_no_other_line(target: PillarboxServer) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "logins.md").read_text()
    failregex = re.findall(r"failregex = (.*)", manual)[0].replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)")
    evil = r'"x\", \"address\": \"192.0.2.1\", "'
    login(target, evil, "wrong", "127.80.0.1")
    lines = [line for line in target.stderr().splitlines() if line.startswith("{")]
    found = {line: match["address"] for line in lines if (match := re.search(failregex, line))}
    wanted = {line: told["address"] for line in lines if (told := json.loads(line))["event"] == "login.denied"}
    assert found == wanted
    assert "127.80.0.1" in found.values()


def test_connections_are_counted_over_all_workers_and_those_of_a_dead_worker_no_more(target: PillarboxServer) -> None:
    context = target.client_context()
    kept = [Talk(target, context, "127.90.0.1") for _ in range(8)]
    with pytest.raises(OSError):
        Talk(target, context, "127.90.0.1")
    for worker in psutil.Process(target.process_id).children():
        os.kill(worker.pid, signal.SIGKILL)
    give_up = time.monotonic() + PATIENCE_SECONDS
    again: list[Talk] = []
    while len(again) < 8:
        assert time.monotonic() < give_up
        try:
            again.append(Talk(target, context, "127.90.0.1"))
        except OSError:
            continue  # the successors are not there yet
    with pytest.raises(OSError):
        Talk(target, context, "127.90.0.1")
    for talk in kept + again:
        talk.close()


def test_those_who_stay_with_old_workers_after_a_reload_are_counted_still(target: PillarboxServer) -> None:
    context = target.client_context()
    kept = [Talk(target, context, "127.91.0.1") for _ in range(8)]
    assert target.config is not None
    target.config.write_text(target.config.read_text() + "max_connections_per_user = 29\n")
    target.reload()
    give_up = time.monotonic() + PATIENCE_SECONDS
    while target.stderr().count('"server.draining"') < 2:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    with pytest.raises(OSError):
        Talk(target, context, "127.91.0.1")
    kept.pop().close()
    while True:
        assert time.monotonic() < give_up
        try:
            Talk(target, context, "127.91.0.1").close()
            break
        except OSError:
            continue  # the old worker has not noticed yet
    for talk in kept:
        talk.close()
