"""The drill: a backup is made while mail comes in, the server is destroyed, and all that it had promised is there."""

from __future__ import annotations

import imaplib
import shutil
import threading
from pathlib import Path

from pillarbox.store.contract import AccountStore
from tests.backup.conftest import with_mail
from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer

PEOPLE = (("alice", "wonderland"), ("bob", "builder-of-things"))
LETTERS_BEFORE = 30
SIZES = (300, 20_000, 400_000)


class Writer(threading.Thread):
    """Stores, flags and expunges over TLS until told to stop; keeps count of what was acknowledged."""

    def __init__(self, server: PillarboxServer, name: str, password: str) -> None:
        super().__init__()
        self.acknowledged = 0
        self.trouble: Exception | None = None
        self.enough = threading.Event()
        self._who = name
        self._client = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.client_context())
        self._client.login(name, password)
        self._client.select("INBOX")

    def store(self) -> None:
        number = self.acknowledged
        text = f"Subject: {self._who} {number}\r\n\r\n".encode() + b"x" * SIZES[number % len(SIZES)]
        kind, _ = self._client.append("INBOX", "()", None, text)  # type: ignore[arg-type]  # no date: now
        assert kind == "OK"
        self.acknowledged += 1

    def throw_the_first_away(self) -> None:
        self._client.store("1", "+FLAGS", "(\\Deleted)")
        assert self._client.expunge() == ("OK", [b"1"])

    def sees(self) -> int:
        """How many messages the open session has been told of."""
        self._client.untagged_responses.pop("EXISTS", None)
        self._client.noop()
        return int(self._client.untagged_responses["EXISTS"][-1])

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.store()
                if self.acknowledged % 7 == 0:
                    self._client.select("INBOX")
                    last = str(int(self._client.untagged_responses["EXISTS"][-1]))
                    self._client.store(last, "+FLAGS", "(\\Deleted)")
                    self._client.expunge()
        except Exception as error:  # the test tells it
            self.trouble = error

    def finish(self) -> None:
        self.enough.set()
        self.join(60)
        assert not self.is_alive()
        assert self.trouble is None
        self._client.logout()


async def state(mail: AccountStore) -> tuple[int, dict[int, tuple[bytes, int]]]:
    """UIDVALIDITY of INBOX, and UID -> (bytes, mod-sequence)."""
    inbox = await mail.find("INBOX")
    image = await mail.image(inbox.id)
    contents = await mail.contents(inbox.id, image.uids)
    found = zip(image.uids, contents, image.modseqs, strict=True)
    return inbox.uidvalidity, {
        uid: (bytes(content.whole()), modseq) for uid, content, modseq in found if content is not None
    }


def test_a_server_destroyed_under_load_comes_back_with_all_that_it_had_promised(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text(CHEAP_HASHES)
    chest = str(tmp_path / "chest")
    with PillarboxServer(tmp_path / "data", config=config, workers=2) as server:
        server.add_accounts(PEOPLE)
        writers = [Writer(server, *person) for person in PEOPLE]
        for writer in writers:
            for _ in range(LETTERS_BEFORE):
                writer.store()
        writers[0].throw_the_first_away()
        server.command("undelete", "--user", "alice", "--mailbox", "INBOX", "--uid", "1")
        assert writers[0].sees() == LETTERS_BEFORE, "what comes back is told to a session that is open"
        promised = {name: with_mail(server.data, name, state) for name, _ in PEOPLE}
        for writer in writers:
            writer.start()
        server.command("backup", chest)
        server.command("backup", chest)
        for writer in writers:
            writer.finish()
            assert writer.acknowledged > LETTERS_BEFORE, "there was load"
        at_the_end = {name: with_mail(server.data, name, state) for name, _ in PEOPLE}
        server.kill()
        shutil.rmtree(server.data)

        assert "all is well" in server.command("backup", "verify", chest, "--all")
        server.command("restore", chest)
        restored = {name: with_mail(server.data, name, state) for name, _ in PEOPLE}
        server.start()
        for name, password in PEOPLE:
            uidvalidity, messages = restored[name]
            assert uidvalidity == promised[name][0]
            assert messages.items() >= promised[name][1].items(), "acknowledged before the backup began"
            ends = at_the_end[name][1]
            assert all(ends.get(uid, kept) == kept for uid, kept in messages.items()), "as it was, and nothing else"
            with imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.client_context()) as client:
                client.login(name, password)
                assert int((client.select("INBOX")[1][0] or b"0").decode()) == len(messages)
                kind, told = client.uid("FETCH", "1:*", "(UID)")
                assert (kind, len(told)) == ("OK", len(messages))
