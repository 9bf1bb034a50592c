"""Orders and threads that are kept: the same as those worked out anew, and nothing when they are of other messages."""

from __future__ import annotations

import random

import pytest

from pillarbox.imap import answers, sort_table
from pillarbox.store.contract import NewMessage
from tests.search.talk import Talk, letter

COMMANDS = (
    b"UID SORT (SUBJECT) UTF-8 ALL",
    b"UID SORT (REVERSE DATE SUBJECT) UTF-8 ALL",
    b"UID SORT (REVERSE ARRIVAL) UTF-8 ALL",
    b"SORT (SUBJECT) UTF-8 SUBJECT b",
    b"UID THREAD REFERENCES UTF-8 ALL",
    b"THREAD REFS UTF-8 ALL",
)


def some(dice: random.Random, count: int) -> list[NewMessage]:
    return [
        letter(
            b"Subject: %b\r\nDate: %02d Jan 2024 12:00:00 +0000\r\nMessage-ID: <%d@x>\r\nReferences: <%d@x>\r\n\r\n"
            % (
                dice.choice((b"a", b"b", b"Re: b", b"c d")),
                dice.randrange(1, 29),
                dice.randrange(30),
                dice.randrange(30),
            ),
            seconds=dice.randrange(10**9),
        )
        for _ in range(count)
    ]


async def answered(talk: Talk) -> list[bytes]:
    """In a process that has not answered before."""
    talk.session.selected.image.companions.clear()
    return [await talk.say(b"a " + command) for command in COMMANDS]


def no_keys_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise AssertionError("keys were read")

    monkeypatch.setattr(sort_table, "_add_some", refuse)


async def test_kept_answers_are_those_worked_out_anew_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(8)
    talk = await Talk.open(some(dice, 20))
    inbox = await talk.inbox()
    for step in range(25):
        if dice.random() < 0.6:
            await talk.account.append(inbox, some(dice, dice.randrange(1, 4)))
        elif dice.random() < 0.8:
            await talk.say(b"a UID STORE %d +FLAGS.SILENT (\\Deleted)" % dice.choice(talk.session.selected.image.uids))
            await talk.account.expunge(inbox)
        await talk.say(b"a NOOP")
        monkeypatch.setattr(answers, "KEPT_FROM", 1_000_000)
        anew = await answered(talk)
        monkeypatch.setattr(answers, "KEPT_FROM", 1)
        assert await answered(talk) == anew, step
        with monkeypatch.context() as patch:
            no_keys_are_read(patch)
            assert await answered(talk) == anew, step


async def test_an_order_of_fewer_messages_is_where_the_new_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT_FROM", 1)
    dice = random.Random(1)
    talk = await Talk.open(some(dice, 9))
    await answered(talk)
    begun: list[int] = []
    monkeypatch.setattr("pillarbox.imap.commands.sort.in_order", lambda rows, *_: begun.extend(rows) or begun)
    order = [uid - 1 for uid in await sorted_uids(talk)]
    await talk.account.append(await talk.inbox(), some(dice, 1))
    await talk.say(b"a NOOP")
    talk.session.selected.image.companions.clear()
    await talk.say(b"a " + COMMANDS[0])
    assert begun == [*order, 9]


async def sorted_uids(talk: Talk) -> list[int]:
    return [int(word) for word in (await talk.say(b"a " + COMMANDS[0])).split(b"\r\n")[0].split()[2:]]


async def test_what_is_kept_holds_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT_FROM", 1)
    talk = await Talk.open([letter(b"Subject: secret\r\nMessage-ID: <secret@x>\r\n\r\n")] * 3)
    kept: dict[str, bytes] = {}
    monkeypatch.setattr(type(talk.account), "keep_answer", lambda _, __, name, value: kept.__setitem__(name, value))
    await answered(talk)
    assert kept.keys() >= {"SORT SUBJECT ASCENDING", "THREAD REFERENCES"}
    assert b"secret" not in b"".join(kept.values()).lower()


async def test_an_answer_of_other_messages_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT_FROM", 1)
    talk = await Talk.open(some(random.Random(2), 12))
    right = await answered(talk)
    inbox = talk.session.selected.image.mailbox.id
    for name in ("SORT SUBJECT ASCENDING", "THREAD REFERENCES"):
        value = await talk.account.recall_answer(inbox, name)
        assert value is not None
        head, rest = value[:4], value[20:]
        talk.account.keep_answer(inbox, name, head + bytes(16) + bytes(len(rest)))
    assert await answered(talk) == right
