"""What filters decide is done, and whatever fails leaves the message in INBOX."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.delivery.filter import (
    DISCARD,
    Action,
    Arriving,
    Decision,
    Envelope,
    FileInto,
    Keep,
    Notice,
    Redirect,
    Reject,
    Reply,
)
from pillarbox.delivery.line_ends import LineEnds
from pillarbox.delivery.outbox import NotSent
from pillarbox.delivery.outcome import Fate, outcome_of
from pillarbox.delivery.retries import RememberedRetries
from pillarbox.delivery.settings import DeliverySettings, WhenFull
from pillarbox.mail.errors import LimitReached, MailError, MessageTooBig, OverQuota, StoreUnavailable
from pillarbox.store.contract import AccountStore, NewMessage
from tests.lmtp.house import House, body, codes

LETTER = b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"


@dataclass
class Script:
    """A filter that says what a test wrote down."""

    decision: Decision | Exception
    seen: list[tuple[Envelope, bytes, int]] = field(default_factory=list)

    async def decide(self, account: AccountStore, envelope: Envelope, message: Arriving) -> Decision:
        self.seen.append((envelope, message.header, len(message.read(0, message.size_bytes))))
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision


@dataclass
class Post:
    """An outbox that keeps what it gets, or breaks."""

    is_broken: bool = False
    sent: list[tuple[str, list[str], bytes]] = field(default_factory=list)

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        if self.is_broken:
            raise NotSent("no")
        self.sent.append((sender, list(recipients), content))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.build(tmp_path)


async def arrive(house: House, to: str = "alice@example.org", letter: bytes = LETTER) -> str:
    """Deliver a letter; the code it was answered with."""
    start = b"LHLO a\r\nMAIL FROM:<chris@bar.com>\r\nRCPT TO:<%b>\r\nDATA\r\n" % to.encode()
    return codes(await house.talk(start + letter + b".\r\n"))[-1]


def deciding(house: House, *actions: Action, post: Post | None = None) -> House:
    return replace(house, sieve=Script(Decision(actions)), outbox=post or Post())


async def make(house: House, *names: str) -> None:
    account = house.directory.find("alice")
    assert account is not None
    opened = await house.store.open(account.id)
    for name in names:
        await opened.create(name)
    await opened.close()


async def test_plus_addressing_finds_the_folder_or_inbox(house: House) -> None:
    await make(house, "Lists", "lists/dev")
    for to in ("alice+Lists", "alice+LISTS", "alice+lists/dev", "alice+none", "alice+*bad", "alice"):
        assert await arrive(house, f"{to}@example.org", LETTER.replace(b"<1@", to.encode() + b"<1@")) == "250 2.0.0"
    assert [len(await house.mail("alice", name)) for name in ("Lists", "lists/dev", "INBOX")] == [2, 1, 3]


async def test_an_alias_of_several_accounts_delivers_to_each(house: House) -> None:
    house.directory.add_alias("all@example.org", ["alice", "bob"])
    assert await arrive(house, "all@example.org") == "250 2.0.0"
    assert (len(await house.mail("alice")), len(await house.mail("bob"))) == (1, 1)


async def test_a_large_message_is_one_file_and_names_no_other_recipient(house: House) -> None:
    house = house.with_settings(DeliverySettings(memory_bytes=100))
    text = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 20_000
    said = await house.talk(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nRCPT TO:<bob>\r\nDATA\r\n" + text + b".\r\n")
    assert codes(said)[-2:] == ["250 2.0.0", "250 2.0.0"]
    [[mine], [theirs]] = [await house.mail(name) for name in ("alice", "bob")]
    assert mine == theirs
    assert mine.startswith(b"Return-Path: <>\r\nReceived: ")
    assert body(mine) == text
    assert await arrive(house, "alice", text) == "250 2.0.0"
    assert b"Delivered-To: alice\r\n" in (await house.mail("alice"))[1]


@pytest.mark.parametrize("memory_bytes", [1, 100_000])
async def test_a_filter_sees_envelope_header_and_text(house: House, memory_bytes: int) -> None:
    script = Script(DISCARD)
    house = replace(house.with_settings(DeliverySettings(memory_bytes=memory_bytes)), sieve=script)
    assert await arrive(house, "alice+a@example.org") == "250 2.0.0"
    [(envelope, header, size)] = script.seen
    assert (envelope.sender, envelope.local_part, envelope.domain, envelope.detail, envelope.login_name) == (
        "chris@bar.com", "alice+a", "example.org", "a", "alice",
    )  # fmt: skip
    assert header.startswith(b"Return-Path: <chris@bar.com>\r\nDelivered-To: alice+a@example.org\r\n")
    assert header.endswith(b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\n")
    assert size == len(header) + len(b"hello\r\n")
    assert await house.mail("alice") == []


async def test_filing_makes_mailboxes_sets_flags_and_never_stores_twice_in_one(house: House) -> None:
    await make(house, "Old")
    actions = (
        FileInto("New", create=True, flags=frozenset({"\\Flagged"})),
        FileInto("New"),
        FileInto("Old"),
        FileInto("Missing"),
        Keep(),
        FileInto("Changed", create=True, raw_header=b"Subject: other\r\n\r\n"),
    )
    assert await arrive(deciding(house, *actions)) == "250 2.0.0"
    assert [len(await house.mail("alice", name)) for name in ("New", "Old", "INBOX")] == [1, 1, 1]
    assert await house.mail("alice", "Changed") == [b"Subject: other\r\n\r\nhello\r\n"]


@pytest.mark.parametrize("memory_bytes", [1, 100_000])
async def test_a_changed_header_leaves_the_text_alone(house: House, memory_bytes: int) -> None:
    house = house.with_settings(DeliverySettings(memory_bytes=memory_bytes))
    assert await arrive(deciding(house, Keep(raw_header=b"A: b\r\n\r\n"))) == "250 2.0.0"
    assert await house.mail("alice") == [b"A: b\r\n\r\nhello\r\n"]


async def test_a_rejected_message_is_refused_and_kept_nowhere(house: House) -> None:
    house = deciding(house, Keep(), Reject("no\r\n250 thanks"))
    assert await arrive(house) == "550 5.7.1"
    assert await house.mail("alice") == []


async def test_a_redirect_sends_the_message_on_and_keeps_nothing(house: House) -> None:
    post = Post()
    assert await arrive(deciding(house, Redirect("dan@elsewhere.example"), post=post)) == "250 2.0.0"
    [(sender, recipients, content)] = post.sent
    assert (sender, recipients) == ("chris@bar.com", ["dan@elsewhere.example"])
    assert content.startswith(b"Delivered-To: alice@example.org\r\nReceived: ")
    assert content.endswith(LETTER)
    assert await house.mail("alice") == []


@pytest.mark.parametrize("came_back", [False, True])
async def test_what_can_not_be_sent_on_is_kept_with_a_notice(house: House, came_back: bool) -> None:
    house = deciding(house, Redirect("dan@elsewhere.example"), post=Post(is_broken=not came_back))
    letter = (b"Delivered-To: Alice@example.org\r\n" if came_back else b"") + LETTER
    assert await arrive(house, letter=letter) == "250 2.0.0"
    kept, notice = await house.mail("alice")
    assert body(kept) == letter
    assert b"Subject: A message was not sent on" in notice


@pytest.mark.parametrize("detail", [b"=.:", b":;]", b'@[()\\"', b":=?utf-8?q?@=0A?=.", b",, .", b",&:=?utf-8?q?=0A;"])
async def test_no_address_makes_a_notice_fail_and_the_message_come_again(house: House, detail: bytes) -> None:
    house = deciding(house, Keep(), Notice("x", "y"))
    start = b'LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<"alice+%b"@example.org>\r\nDATA\r\n' % detail
    assert codes(await house.talk(start + LETTER + b".\r\n"))[-1] == "250 2.0.0"
    kept, notice = await house.mail("alice")
    assert body(kept) == LETTER
    assert b"To: undisclosed-recipients:;\r\n" in notice


class Breaking(Post):
    """An outbox with a bug."""

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        raise RuntimeError


async def test_an_error_of_ours_after_the_message_is_kept_does_not_bring_it_again(house: House) -> None:
    house = deciding(house, Keep(), Reply("chris@bar.com", b"away"), post=Breaking())
    assert await arrive(house) == "250 2.0.0"
    assert len(await house.mail("alice")) == 1


class TakesOnlyDan(Post):
    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        self.is_broken = recipients != ["dan@elsewhere.example"]
        await super().submit(sender, recipients, content)


@pytest.mark.parametrize(("first", "code"), [("dan", "250 2.0.0"), ("eve", "452 4.2.2")])
async def test_what_went_on_to_one_is_not_sent_there_again_because_inbox_is_full(
    house: House, monkeypatch: pytest.MonkeyPatch, first: str, code: str
) -> None:
    alice = house.directory.find("alice")
    assert alice is not None

    async def full(self: AccountStore, mailbox: int, messages: Sequence[NewMessage]) -> object:
        raise OverQuota

    account = await house.store.open(alice.id)
    monkeypatch.setattr(type(account), "append", full)
    post = TakesOnlyDan()
    names = (first, "eve" if first == "dan" else "dan")
    actions = [Redirect(f"{name}@elsewhere.example") for name in names]
    assert await arrive(deciding(house, *actions, post=post)) == code
    assert len(post.sent) == (first == "dan")


async def test_replies_and_notices_go_out_beside_what_is_kept(house: House) -> None:
    post = Post()
    actions = (Keep(), Reply("chris@bar.com", b"away"), Notice("Fehler", "Grüße"))
    assert await arrive(deciding(house, *actions, post=post)) == "250 2.0.0"
    assert post.sent == [("", ["chris@bar.com"], b"away")]
    assert [b"Auto-Submitted: auto-generated" in message for message in await house.mail("alice")] == [False, True]


async def test_a_filter_that_fails_means_inbox(house: House) -> None:
    assert await arrive(replace(house, sieve=Script(RuntimeError("boom")))) == "250 2.0.0"
    assert [body(message) for message in await house.mail("alice")] == [LETTER]


async def test_a_filter_that_never_ends_means_inbox(house: House) -> None:
    class Endless:
        async def decide(self, account: AccountStore, envelope: Envelope, message: Arriving) -> Decision:
            await asyncio.Event().wait()
            raise AssertionError

    house = replace(house.with_settings(DeliverySettings(filter_seconds=0.01)), sieve=Endless())
    assert await arrive(house) == "250 2.0.0"
    assert len(await house.mail("alice")) == 1


@pytest.mark.parametrize(
    ("error", "when_full", "code"),
    [
        (OverQuota(), WhenFull.DEFER, "452 4.2.2"),
        (OverQuota(), WhenFull.REFUSE, "552 5.2.2"),
        (StoreUnavailable("disk"), WhenFull.DEFER, "452 4.3.1"),
        (MessageTooBig(5), WhenFull.DEFER, "552 5.3.4"),
        (LimitReached("x"), WhenFull.DEFER, "451 4.3.0"),
        (RuntimeError("bug"), WhenFull.DEFER, "451 4.3.0"),
    ],
)
async def test_what_fails_for_one_recipient_is_told_for_that_one_only(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, when_full: WhenFull, code: str
) -> None:
    alice = house.directory.find("alice")
    assert alice is not None
    failing = await house.store.open(alice.id)
    usual = type(failing).append

    async def append(self: AccountStore, mailbox: int, messages: Sequence[NewMessage]) -> object:
        if self.account == alice.id:
            raise error
        return await usual(self, mailbox, messages)  # type: ignore[arg-type]  # the store's own

    monkeypatch.setattr(type(failing), "append", append)
    house = house.with_settings(DeliverySettings(when_full=when_full))
    said = await house.talk(
        b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nRCPT TO:<bob>\r\nDATA\r\n" + LETTER + b".\r\n"
    )
    assert codes(said)[-2:] == [code, "250 2.0.0"]
    assert len(await house.mail("bob")) == 1


async def test_a_disk_that_is_full_puts_the_message_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage() -> object:
        raise StoreUnavailable("full")

    monkeypatch.setattr(house.store, "stage", stage)
    house = house.with_settings(DeliverySettings(memory_bytes=10))
    assert await arrive(house) == "452 4.3.1"
    monkeypatch.undo()
    assert await arrive(house) == "250 2.0.0"


async def test_a_retry_is_acknowledged_and_not_stored_again(house: House, tmp_path: Path) -> None:
    clock = HeldClock()
    retries = RememberedRetries.open(tmp_path / "deliveries.db", 3600.0, clock)
    house = replace(house, retries=retries)
    for _ in range(2):
        assert await arrive(house) == "250 2.0.0"
    assert len(await house.mail("alice")) == 1
    others = (LETTER.replace(b"hello", b"hallo"), LETTER.replace(b"Message-ID: <1@x>\r\n", b""))
    for letter in (*others, others[1]):  # without a Message-ID nobody can tell: it is stored
        assert await arrive(house, letter=letter) == "250 2.0.0"
    assert await arrive(house, "alice+b@example.org") == "250 2.0.0"
    assert len(await house.mail("alice")) == 5
    clock.advance(7200)
    assert await arrive(house) == "250 2.0.0"
    assert len(await house.mail("alice")) == 6
    retries.close()


def test_line_ends_are_mended_wherever_the_text_is_cut() -> None:
    text = b"a\nb\r\nc\r\r\n\n\n\0d\r\0\ne\r"
    whole = b"a\r\nb\r\nc\r\r\n\r\n\r\nd\r\ne\r"
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            ends = LineEnds()
            assert b"".join(map(ends.feed, (text[:first], text[first:second], text[second:]))) == whole


def test_only_what_may_get_better_is_temporary() -> None:
    errors: list[tuple[MailError, bool]] = [
        (OverQuota(), True),
        (StoreUnavailable("x"), True),
        (MessageTooBig(1), False),
    ]
    for error, is_temporary in errors:
        assert outcome_of(error, WhenFull.DEFER).fate.is_temporary is is_temporary
    assert not outcome_of(OverQuota(), WhenFull.REFUSE).fate.is_temporary
    assert not Fate.REJECTED.is_temporary


@pytest.mark.parametrize("memory_bytes", [1, 100_000])
async def test_after_a_crash_between_message_and_memory_a_retry_finds_the_message(
    house: House, tmp_path: Path, memory_bytes: int
) -> None:
    class Crash(RememberedRetries):
        def finish(self, key: bytes) -> None:
            """The process dies here."""

    crash = Crash.open(tmp_path / "deliveries.db", 3600.0, house.clock)
    house = replace(house.with_settings(DeliverySettings(memory_bytes=memory_bytes)), retries=crash)
    assert await arrive(house) == "250 2.0.0"
    house.clock.advance(30)
    assert await arrive(house) == "250 2.0.0"
    assert len(await house.mail("alice")) == 1
    assert await arrive(house, letter=LETTER.replace(b"hello", b"hallo")) == "250 2.0.0"
    assert len(await house.mail("alice")) == 2
    crash.close()


async def test_what_failed_for_certain_is_not_in_doubt(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retries = RememberedRetries.open(tmp_path / "deliveries.db", 3600.0, house.clock)
    rejecting = replace(deciding(house, Reject("not now")), retries=retries)
    assert await arrive(rejecting) == "550 5.7.1"
    monkeypatch.setattr("pillarbox.delivery.deliverer.is_there", None)  # never asked
    assert await arrive(replace(house, retries=retries)) == "250 2.0.0"
    assert len(await house.mail("alice")) == 1
    retries.close()
