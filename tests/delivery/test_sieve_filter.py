"""People's Sieve scripts at delivery: what they want is done, and no mail is ever lost by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillarbox.delivery.outbox import NotSent
from pillarbox.delivery.scripts import SCRIPT, Scripts
from pillarbox.delivery.sieve_filter import SEEN, SieveFilter
from pillarbox.events import NoEvents
from pillarbox.mail.errors import StoreUnavailable
from pillarbox.sieve.errors import ScriptInvalid
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import AccountId, AccountStore, Appended, MailboxId, NewMessage
from tests.lmtp.house import House, codes

DAY = 86_400


class Post:
    """Keeps what is sent, or sends nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []
        self.works = True

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        if not self.works:
            raise NotSent("no way out")
        self.sent += [(sender, recipient, content) for recipient in recipients]


class Alice:
    """Her mail, with a script."""

    def __init__(self, folder: Path, limits: SieveLimits) -> None:
        house = House.build(folder)
        self.post = Post()
        self.limits = limits
        sieve = SieveFilter(limits, "+", {"location": "MDA"}, house.clock, NoEvents())
        self.house = replace(house, sieve=sieve, outbox=self.post)

    async def has(self, script: str) -> None:
        found = self.house.directory.find("alice")
        assert found is not None
        self.account = await self.house.store.open(found.id)
        scripts = Scripts(self.account, self.limits)
        await scripts.put("mine", script.encode())
        await scripts.activate("mine")

    async def gets(self, *lines: str, sender: str = "bob@example.net", recipient: str = "alice@example.org") -> str:
        """Deliver a message; the code of the answer to it."""
        header = "\r\n".join((*lines, "From: bob@example.net", "To: alice@example.org"))
        said = await self.house.talk(
            f"LHLO a\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\n"
            f"DATA\r\n{header}\r\n\r\nHello\r\n.\r\nQUIT\r\n".encode()
        )
        return codes(said)[-2]

    async def count(self, mailbox: str = "INBOX") -> int:
        return len(await self.house.mail("alice", mailbox))


@pytest.fixture
def alice(tmp_path: Path) -> Alice:
    return Alice(tmp_path, SieveLimits())


async def test_without_a_script_mail_is_kept(alice: Alice) -> None:
    assert await alice.gets("Subject: one") == "250 2.0.0"
    assert await alice.count() == 1


async def test_a_message_is_filed_with_flags_into_a_mailbox_that_is_made(alice: Alice) -> None:
    await alice.has(
        'require ["fileinto", "mailbox", "imap4flags"]; if header :contains "subject" "list"'
        ' { fileinto :create :flags "\\\\Flagged" "Lists/one"; }'
    )
    await alice.gets("Subject: from the list")
    box = await alice.account.find("Lists/one")
    assert (await alice.account.image(box.id)).flags[0].names == {"\\Flagged", "$HasNoAttachment"}
    assert await alice.count() == 0


async def test_a_discarded_message_is_acknowledged_and_nowhere(alice: Alice) -> None:
    await alice.has("discard;")
    assert await alice.gets("Subject: one") == "250 2.0.0"
    assert await alice.count() == 0


async def test_a_rejected_message_is_refused_with_the_reason(alice: Alice) -> None:
    await alice.has('require "reject"; reject "No birdseed, please.";')
    assert await alice.gets("Subject: one") == "550 5.7.1"
    assert await alice.count() == 0


async def test_a_changed_header_is_what_is_stored(alice: Alice) -> None:
    await alice.has('require "editheader"; addheader "X-Seen-By" "Sieve"; deleteheader "Subject";')
    await alice.gets("Subject: one")
    (stored,) = await alice.house.mail("alice")
    assert b"X-Seen-By: Sieve\r\n" in stored
    assert b"Subject:" not in stored


async def test_a_redirected_message_is_marked_and_not_redirected_when_it_comes_back(alice: Alice) -> None:
    await alice.has('redirect "alice@example.com";')
    await alice.gets("Subject: one")
    ((sender, recipient, content),) = alice.post.sent
    assert (sender, recipient) == ("bob@example.net", "alice@example.com")
    assert b"X-Sieve-Redirected: alice\r\n" in content
    assert await alice.count() == 0
    await alice.gets("Subject: one", "X-Sieve-Redirected: alice")
    assert len(alice.post.sent) == 1
    assert await alice.count() == 1


async def test_what_can_not_be_redirected_is_kept(alice: Alice) -> None:
    await alice.has('redirect "alice@example.com";')
    alice.post.works = False
    assert await alice.gets("Subject: one") == "250 2.0.0"
    assert any(b"Subject: one" in message for message in await alice.house.mail("alice"))


async def test_a_redirect_to_oneself_keeps(alice: Alice) -> None:
    await alice.has('redirect "Alice@example.org";')
    await alice.gets("Subject: one")
    assert alice.post.sent == []
    assert await alice.count() == 1


async def test_vacation_answers_a_sender_once_in_its_days(alice: Alice) -> None:
    await alice.has('require "vacation"; vacation :days 3 "At the sea.";')
    await alice.gets("Subject: one")
    await alice.gets("Subject: two")
    assert [(sender, recipient) for sender, recipient, _ in alice.post.sent] == [("", "bob@example.net")]
    await alice.gets("Subject: three", sender="carol@example.net")
    alice.house.clock.advance(3 * DAY + 1)
    await alice.gets("Subject: four")
    assert [recipient for _, recipient, _ in alice.post.sent] == [
        "bob@example.net",
        "carol@example.net",
        "bob@example.net",
    ]
    assert await alice.count() == 4


async def test_a_duplicate_is_known_by_its_message_id(alice: Alice) -> None:
    await alice.has('require "duplicate"; if duplicate { discard; }')
    for _ in range(2):
        await alice.gets("Message-ID: <1@example.net>")
    assert await alice.count() == 1


class FullOnce:
    """An account whose disk is full for the first message."""

    def __init__(self, real: AccountStore) -> None:
        self._real = real
        self._is_full = True

    def __getattr__(self, name: str) -> Any:  # whatever an account has
        return getattr(self._real, name)

    async def close(self) -> None:
        pass

    async def append(self, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        if self._is_full:
            self._is_full = False
            raise StoreUnavailable("The disk is full")
        return await self._real.append(mailbox, messages)


async def test_a_delivery_that_failed_leaves_nothing_seen(alice: Alice, monkeypatch: pytest.MonkeyPatch) -> None:
    await alice.has('require "duplicate"; if duplicate { discard; }')
    full = FullOnce(alice.account)

    async def open_full(_account: AccountId) -> FullOnce:
        return full

    with monkeypatch.context() as patched:
        patched.setattr(alice.house.store, "open", open_full)
        assert (await alice.gets("Message-ID: <1@example.net>")).startswith("4")
        assert await alice.account.properties(None, SEEN) == {}
        assert await alice.gets("Message-ID: <1@example.net>") == "250 2.0.0"
    assert await alice.count() == 1


async def test_a_script_that_fails_keeps_the_mail_and_tells_once_a_day(alice: Alice) -> None:
    await alice.has('require ["variables", "fileinto"]; set "a" ""; fileinto "${a}";')
    for _ in range(2):
        assert await alice.gets("Subject: one") == "250 2.0.0"
    mail = await alice.house.mail("alice")
    assert sum(b"Subject: one" in message for message in mail) == 2
    assert sum(b'Your Sieve script "mine"' in message for message in mail) == 1
    alice.house.clock.advance(DAY + 1)
    await alice.gets("Subject: one")
    assert await alice.count() == 5


async def test_a_script_that_no_longer_compiles_keeps_the_mail(alice: Alice) -> None:
    await alice.has("discard;")
    await alice.account.set_properties(None, {SCRIPT + "mine": b"nonsense"})
    await alice.gets("Subject: one")
    assert any(b"Subject: one" in message for message in await alice.house.mail("alice"))


async def test_a_long_run_goes_on_beside_the_loop_and_ends(tmp_path: Path) -> None:
    alice = Alice(tmp_path, SieveLimits(steps=100_000))
    keys = ", ".join(f'"*{number:0300}?*"' for number in range(300))
    await alice.has(f'if header :matches "subject" [{keys}] {{ discard; }}')
    await alice.gets("Subject: " + "0" * 900 + "\r\n " + "0" * 900)
    assert sum(b"takes too long" in message for message in await alice.house.mail("alice")) == 1
    assert await alice.count() == 2


async def test_the_oldest_memories_give_way(tmp_path: Path) -> None:
    alice = Alice(tmp_path, SieveLimits(memories=3))
    await alice.has('require "duplicate"; if duplicate { discard; }')
    for number in range(5):
        await alice.gets(f"Message-ID: <{number}@example.net>")
        alice.house.clock.advance(1)
    assert len(await alice.account.properties(None, SEEN)) == 3


async def test_a_script_that_can_not_run_is_never_kept(alice: Alice) -> None:
    await alice.has("keep;")
    with pytest.raises(ScriptInvalid):
        await Scripts(alice.account, alice.limits).put("mine", b"nonsense;")
    assert await Scripts(alice.account, alice.limits).get("mine") == b"keep;"
