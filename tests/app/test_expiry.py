"""Who is told of a certificate that ends soon, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import trustme

from pillarbox.app.expiry import ExpiryWatch
from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import HeldClock
from pillarbox.mail.names import INBOX
from pillarbox.net.served import Plan, ServedCertificates
from pillarbox.net.tls import CertificateFiles, Door
from pillarbox.store.contract import StoreLimits
from pillarbox.store.memory.store import MemoryStore
from tests.net.conftest import RecordedEvents

DAY = 86_400.0


class Watched:
    """A server's certificates, and two administrators among three people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HeldClock(datetime.now(UTC).timestamp())
        self.events = RecordedEvents()
        self.store = MemoryStore(StoreLimits(), self.clock)
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.accounts = {name: self.directory.add(name, "none") for name in ("ada", "bea", "cid", "dan")}
        for name in ("ada", "bea", "dan"):
            self.directory.make_admin(name)
        self.directory.disable("dan")
        self.authority = trustme.CA()
        self.put("default", "mail.example.org", 90)
        plan = Plan(CertificateFiles(folder / "default/certificate.pem", folder / "default/key.pem"), folder=folder)
        self.served = ServedCertificates(plan, (Door(),), self.events)
        self.events.seen.clear()

    def put(self, folder: str, name: str, days: float) -> None:
        """A certificate that ends after so many days."""
        made = self.authority.issue_cert(
            name, not_after=datetime.fromtimestamp(self.clock.now_seconds(), UTC) + timedelta(days=days, minutes=1)
        )
        (self.folder / folder).mkdir(exist_ok=True)
        (self.folder / folder / "certificate.pem").write_bytes(made.cert_chain_pems[0].bytes())
        (self.folder / folder / "key.pem").write_bytes(made.private_key_pem.bytes())

    async def look(self, warn_days_left: int = 14) -> list[tuple[object, object]]:
        """What is logged by a server that was just started: path and days."""
        self.served.look()
        self.events.seen.clear()
        watch = ExpiryWatch(
            *(self.served, warn_days_left, self.folder / "expiry.json", self.store, self.directory),
            *("mail.example.org", self.clock, self.events),
        )
        await watch.look()
        await watch.look()  # at once again: nothing new
        told = [fields for name, fields in self.events.seen if name == "certificate.expiring"]
        return [(Path(str(fields["path"])).parent.name, fields["days_left"]) for fields in told]

    async def inbox(self, name: str) -> list[str]:
        """The texts of the messages there."""
        account = await self.store.open(self.accounts[name].id)
        box = await account.find(INBOX)
        image = await account.image(box.id)
        texts = []
        for content in await account.contents(box.id, list(image.uids)):
            assert content is not None
            message = message_from_bytes(bytes(content.whole()), policy=policy.default)
            assert message["Subject"] == "A certificate of the mail server ends soon"
            assert message["Auto-Submitted"] == "auto-generated"
            texts.append(message.get_content().replace("\r\n", "\n"))
        await account.close()
        return texts


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.directory.close()


async def test_administrators_are_told_once_a_day_until_it_is_renewed(watched: Watched) -> None:
    assert await watched.look() == []
    watched.put("soon.example.org", "soon.example.org", 13)
    assert await watched.look() == [("soon.example.org", 13)]
    assert await watched.look() == []  # a restart changes nothing
    watched.clock.advance(DAY - 60)
    assert await watched.look() == []
    watched.clock.advance(120)
    assert await watched.look() == [("soon.example.org", 11)]
    watched.put("soon.example.org", "soon.example.org", 90)
    watched.clock.advance(DAY)
    assert await watched.look() == []
    for name in ("ada", "bea"):
        first, second = await watched.inbox(name)
        assert "soon.example.org\n        ends in 13 days, on " in first
        assert "soon.example.org\n        ends in 11 days, on " in second
        assert str(watched.folder / "soon.example.org" / "certificate.pem") in first
    assert [await watched.inbox(name) for name in ("cid", "dan")] == [[], []]


async def test_every_served_certificate_counts_and_one_message_names_all(watched: Watched) -> None:
    watched.put("gone", "gone.example.org", -3)
    watched.put("soon", "soon.example.org", 1)
    assert sorted(await watched.look(warn_days_left=91)) == [("default", 90), ("gone", -3), ("soon", 1)]
    [text] = await watched.inbox("ada")
    assert text.count("ends in") == 2
    assert "gone.example.org\n        ended on " in text
    assert "ends in 1 day, on" in text


async def test_a_memory_that_is_broken_or_from_the_future_is_none(watched: Watched) -> None:
    watched.put("soon", "soon.example.org", 1)
    for broken in ("", "[]", '{"x": "y"}', "\x00"):
        (watched.folder / "expiry.json").write_text(broken)
        assert await watched.look() == [("soon", 1)]
    watched.clock.advance(-DAY)  # somebody has set the clock right
    assert [days for _, days in await watched.look()] == [2]
