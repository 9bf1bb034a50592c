"""A real server with two workers tells webhooks and streams what happens."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.settings import ServerSettings
from pillarbox.auth.alarms import Alarm, AlarmKind, Alarms
from pillarbox.auth.ledger import Ledger
from pillarbox.clock import SystemClock
from pillarbox.config import ConfigInvalid, load
from pillarbox.push.journal import Journal
from pillarbox.push.runner import EventsInvalid, read_webhooks
from tests.automation.place import Account
from tests.cli.commands import CHEAP_HASHES
from tests.push.receiver import SECRET, Receiver
from tests.servers.pillarbox_server import PillarboxServer
from tests.web.server import WebbedServer, free_port

PASSWORD = "correct horse battery"


def configured(folder: Path, *urls: str, more: str = "") -> Path:
    (folder / "secret").write_bytes(SECRET + b"\n")
    tables = "".join(f'[[events.webhooks]]\nurl = "{url}"\nsecret_path = "secret"\n' for url in urls)
    path = folder / "pillarbox.toml"
    path.write_text(
        f"{CHEAP_HASHES}[events]\ntimeout_seconds = 0.5\nattempts = 3\npause_seconds = 0.05\n{more}{tables}"
    )
    return path


def served(folder: Path, config: Path, workers: int) -> PillarboxServer:
    """With an account from the start: new ones are looked for every other second only."""
    server = PillarboxServer(folder / "data", config=config, workers=workers)
    server.add_account("alice", PASSWORD)
    return server


def account_of(server: PillarboxServer) -> Account:
    return Account(server.host, server.port, server.ca_file, "alice", PASSWORD)


def test_webhooks_are_told_in_order_through_kill_9_and_one_that_hangs_harms_nobody(tmp_path: Path) -> None:
    def moody(event: dict[str, Any]) -> int:
        seen[event["id"]] += 1
        return 500 if seen[event["id"]] == 1 and event["event"] == "MessageNew" else 204

    seen: Counter[str] = Counter()
    with Receiver(moody) as receiver, Receiver(lambda event: None) as hanging:
        config = configured(tmp_path, hanging.url, receiver.url)
        with served(tmp_path, config, 2) as server:
            alice = account_of(server)
            alice.append("first")  # makes the account; perhaps before anybody looks at it
            # The position is taken when a webhook first looks: mailboxes until then are no news.
            number = 0
            while not receiver.got:
                number += 1
                alice.append(f"probe {number}")
            alice.append("read")
            last = number + 2
            receiver.until(lambda got: any(each.get("uid") == last for each in got))
            alice.commands(("select", "INBOX"), ("uid", "STORE", str(last), "+FLAGS", "(\\Seen)"), ("create", "Work"))
            alice.commands(("select", "INBOX"), ("store", "1", "+FLAGS", "(\\Deleted)"), ("expunge",))
            # What comes and goes between two looks is not told.
            receiver.until(lambda got: any(each["event"] == "MailboxCreate" for each in got))
            alice.commands(("rename", "Work", "Job"))
            receiver.until(lambda got: any(each["event"] == "MailboxRename" for each in got))
            alice.commands(("delete", "Job"))
            got = receiver.until(lambda got: any(each["event"] == "MailboxDelete" for each in got))
            hanging.until(lambda got: len(got) >= 3)
            alice.append("acknowledged")
            server.kill()
        # Whether that was told before the end or not: after the next start it is.
        with PillarboxServer(tmp_path / "data", port=server.port, config=config, workers=2) as server:
            account_of(server).append("later")
            receiver.until(lambda got: {last + 1, last + 2} <= {each.get("uid") for each in got})
    kinds = [each["event"] for each in got]
    for kind in ("MessageNew", "MessageRead", "MessageExpunge", "MailboxCreate", "MailboxRename", "MailboxDelete"):
        assert kind in kinds
    assert all(each["account"] == "alice" for each in got)
    told = list(dict.fromkeys(each["uid"] for each in got if each["event"] == "MessageNew"))
    assert told == sorted(told)
    assert all(count == 2 for key, count in seen.items() if _kind(got, key) == "MessageNew")


def _kind(got: list[dict[str, Any]], key: str) -> str:
    return next((str(each["event"]) for each in got if each["id"] == key), "")


def test_an_event_that_fails_too_often_is_put_aside_and_the_next_comes(tmp_path: Path) -> None:
    with Receiver(lambda event: 500 if event["mailbox"] == "Bad" else 204) as receiver:
        config = configured(tmp_path, receiver.url)
        with served(tmp_path, config, 1) as server:
            alice = account_of(server)
            number = 0
            while not receiver.got:
                number += 1
                alice.append(f"probe {number}")
            alice.commands(("create", "Bad"))
            receiver.until(lambda got: sum(each["mailbox"] == "Bad" for each in got) == 3)
            alice.append("after")
            receiver.until(lambda got: got[-1]["event"] == "MessageNew" and got[-1]["uid"] == number + 1)
            assert "webhook.given_up" in server.stderr()
            assert SECRET.decode() not in server.stderr()
    journal = Journal(tmp_path / "data" / "events.db")
    assert [json.loads(body)["mailbox"] for body in journal.dead()] == ["Bad"]
    journal.close()


# --- the stream -------------------------------------------------------------------------------------


class Stream:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self.last_id = ""

    def next(self) -> dict[str, Any]:
        """The next event; comments and ids are taken along."""
        while True:
            line = self.response.readline().decode().rstrip("\n")
            assert line or not self.response.isclosed(), "the stream ended"
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
            if line.startswith("data: "):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                assert self.response.readline() == b"\n"
                return event

    def begun(self) -> None:
        while self.response.readline().strip():
            pass


@contextmanager
def stream(server: WebbedServer, password: str = PASSWORD, last_id: str = "", query: str = "") -> Iterator[Stream]:
    connection = http.client.HTTPSConnection(
        "localhost", server.port, context=server.server.client_context(), timeout=60
    )
    text = base64.b64encode(f"alice:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {text}"} | ({"Last-Event-ID": last_id} if last_id else {})
    connection.request("GET", f"/events{query}", headers=headers)
    try:
        found = Stream(connection.getresponse())
        yield found
    finally:
        connection.close()


def test_a_stream_tells_and_goes_on_where_it_was(tmp_path: Path) -> None:
    config = configured(tmp_path, more="stream = true\n")
    port = free_port()
    config.write_text(config.read_text() + f'[web]\nlisten = ["127.0.0.1:{port}"]\n')
    with PillarboxServer(tmp_path / "data", config=config, workers=2) as running:
        running.add_account("alice", PASSWORD)
        alice, server = account_of(running), WebbedServer(running, port)
        alice.append("old")
        with stream(server) as first:
            assert first.response.status == 200
            assert first.response.headers["content-type"].startswith("text/event-stream")
            line = first.response.readline() + first.response.readline()
            assert line.startswith(b"retry: 2000\nid: ")
            alice.append("one")
            assert (event := first.next())["event"] == "MessageNew"
            assert (event["mailbox"], event["uid"], event["account"]) == ("INBOX", 2, "alice")
        alice.append("two")
        with stream(server, last_id=line.decode().split()[-1]) as again:
            assert [again.next()["uid"], again.next()["uid"]] == [2, 3]
            last_id = again.last_id
        with stream(server, last_id=last_id, query="?kind=MessageNew") as third:
            alice.commands(("create", "Work"))
            alice.append("three")
            assert third.next()["uid"] == 4
        for password, last, query, status in (
            ("wrong", "", "", 401),
            (PASSWORD, "nonsense", "", 400),
            (PASSWORD, "", "?kind=Nothing", 400),
        ):
            with stream(server, password, last, query) as refused:
                assert refused.response.status == status
        with stream(server) as open_until_the_stop:
            open_until_the_stop.begun()
            assert "exit code" not in running.stop()


def test_mistakes_in_the_settings_are_told(tmp_path: Path) -> None:
    config = configured(tmp_path, "http://example.org/hook")
    settings = load(ServerSettings, config, {"data_folder": tmp_path})
    assert settings.events.webhooks[0].secret_path == tmp_path / "secret"
    with pytest.raises(EventsInvalid, match="expected https://"):
        read_webhooks(settings.events)
    config.write_text('[[events.webhooks]]\nurl = "https://x"\nsecret_path = "secret"\nkind = ["MessageNew"]\n')
    with pytest.raises(
        ConfigInvalid, match=r'events.webhooks\[0\].kind: there is no such setting; did you mean "kinds"'
    ):
        load(ServerSettings, config, {"data_folder": tmp_path})
    config.write_text('[[events.webhooks]]\nurl = "https://x"\nsecret_path = "secret"\nkinds = ["MessageNews"]\n')
    with pytest.raises(EventsInvalid, match="there is no event MessageNews"):
        read_webhooks(load(ServerSettings, config, {"data_folder": tmp_path}).events)
    config.write_text('[[events.webhooks]]\nurl = "https://x"\nsecret_path = "nowhere"\n')
    with pytest.raises(EventsInvalid, match="can't use"):
        read_webhooks(load(ServerSettings, config, {"data_folder": tmp_path}).events)


def test_webhooks_are_told_of_logins_that_look_strange(tmp_path: Path) -> None:
    with Receiver(lambda event: 204) as receiver:
        config = configured(tmp_path, receiver.url)
        only_alarms = '[[events.webhooks]]\nkinds = ["LoginAlarm"]'
        config.write_text(config.read_text().replace("[[events.webhooks]]", only_alarms))
        with served(tmp_path, config, 2):
            wait_for_webhook(tmp_path / "data" / "events.db", receiver.url)
            alarms = Ledger.open(tmp_path / "data" / "logins.db")
            with alarms.change() as connection:
                Alarms(alarms, SystemClock()).add(connection, ALARM)
            alarms.close()
            (told,) = receiver.until(lambda got: len(got) >= 1)
    assert {name: told[name] for name in ("event", "account", "alarm", "address", "why")} == {
        "event": "LoginAlarm",
        "account": "alice",
        "alarm": "new-country",
        "address": "192.0.2.7",
        "why": "a first login from there",
    }


ALARM = Alarm(AlarmKind.COUNTRY, "alice", "", "192.0.2.7", "curl", "a first login from there", 1_795_000_000.0)


def wait_for_webhook(path: Path, url: str) -> None:
    """Return when the webhook has begun to follow alarms."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if path.exists():
            journal = Journal(path)
            begun = journal.last_alarm(url) is not None
            journal.close()
            if begun:
                return
        time.sleep(0.05)
    raise AssertionError("no webhook follows alarms")
