"""Clients that work a server hard, each on letters of its own in mailboxes that all share, until it dies.

Must never: count a command as done before its tagged OK was read.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Sequence

from tests.crash.ledger import Append, Copy, CopyTo, Create, Delete, Expunge, Flag, Ledger, MoveTo, Operation
from tests.differential.client import Address, Client, Reply, literal

MAILBOXES = ("INBOX", "Archive", "Trash")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "Urgent", "$Forwarded")
MOST_COPIES = 40
"""More than that and a client throws away: reading everything back after each restart has to stay quick."""


def content_of(letter: str) -> bytes:
    """A letter's bytes: always the same for the same id, from some hundred bytes to some hundred kilobytes."""
    dice = random.Random(letter)
    size = dice.choice((50, 300, 2_000, 9_000, 9_000, 120_000))
    line = dice.randbytes(35).hex().encode() + b"\r\n"
    return b"Subject: %s\r\nFrom: crash@example.org\r\n\r\n%s" % (letter.encode(), line * (1 + size // len(line)))


class Acknowledgements:
    """Counts tagged OKs of all clients, so that somebody can wait for the n-th."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._alive = 0

    def enter(self) -> None:
        with self._changed:
            self._alive += 1

    def leave(self) -> None:
        with self._changed:
            self._alive -= 1
            self._changed.notify_all()

    def one_more(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> int:
        """Return when `count` came, or when every client has stopped; how many came."""
        with self._changed:
            self._changed.wait_for(lambda: self._count >= count or self._alive == 0, timeout=60)
            return self._count


class Worker(threading.Thread):
    """One client connection under load; ends when the connection does, or at the first refusal."""

    def __init__(
        self, server: Address, login: tuple[str, str], ledger: Ledger, seed: str, done: Acknowledgements
    ) -> None:
        super().__init__(name=ledger.client, daemon=True)
        self._dice = random.Random(seed)
        self._seed = seed
        self._server, self._login, self._ledger, self._done = server, login, ledger, done
        self._letters = 0
        self._selected = ""
        done.enter()

    def run(self) -> None:
        try:
            with Client(self._server, timeout_seconds=30) as client:
                client.login(*self._login)
                while not self._ledger.refusals:
                    self._step(client)
        except OSError:
            return  # The server is dead: what this is about.
        finally:
            self._done.leave()

    def _step(self, client: Client) -> None:
        operation = self._choose()
        if isinstance(operation, Flag | CopyTo | MoveTo | Expunge) and operation.mailbox != self._selected:
            client.ok(b"SELECT " + operation.mailbox.encode())
            self._selected = operation.mailbox
        self._ledger.in_flight = operation
        reply = client.command(_command(operation))
        if reply.status == "OK":
            self._ledger.acknowledge(_new_uids(reply, operation))
            self._done.one_more()
        else:
            self._ledger.refusals.append(f"{operation} -> {reply.status} {reply.text!r}")

    def _choose(self) -> Operation:
        dice, ledger = self._dice, self._ledger
        mailbox = dice.choice(MAILBOXES)
        here = [uid for name, uid in ledger.held if name == mailbox]
        doomed = tuple(uid for uid in here if "\\Deleted" in ledger.held[mailbox, uid].flags)
        roll = dice.random()
        if doomed and (roll < 0.3 or len(ledger.held) > MOST_COPIES):
            return Expunge(mailbox, doomed)
        if not here or (roll < 0.35 and len(ledger.held) <= MOST_COPIES):
            return Append(mailbox, tuple(self._letter() for _ in range(dice.choice((1, 1, 1, 4)))))
        some = tuple(sorted(dice.sample(here, dice.randint(1, len(here)))))
        if len(ledger.held) > MOST_COPIES:
            return Flag(mailbox, some, add=frozenset({"\\Deleted"}))
        other = dice.choice([name for name in MAILBOXES if name != mailbox])
        if roll < 0.5:
            return MoveTo(mailbox, some, other)
        if roll < 0.6:
            return CopyTo(mailbox, some[:5], other)
        if roll < 0.65:
            return self._create_or_delete()
        if roll < 0.75:
            return Flag(mailbox, some, add=frozenset({"\\Deleted"}))
        flags = frozenset(dice.sample(FLAGS, dice.randint(1, 3)))
        return Flag(mailbox, some, add=flags) if roll < 0.9 else Flag(mailbox, some, remove=flags)

    def _letter(self) -> Copy:
        self._letters += 1
        flags = frozenset(self._dice.sample(FLAGS, self._dice.choice((0, 1, 2))))
        return Copy(f"{self._ledger.client}-{self._seed}-{self._letters}", flags)

    def _create_or_delete(self) -> Operation:
        own = sorted(self._ledger.mailboxes)
        if len(own) > 3 or (own and self._dice.random() < 0.3):
            return Delete(self._dice.choice(own))
        self._letters += 1
        return Create(f"{self._ledger.client}-box-{self._seed}-{self._letters}")


def _command(operation: Operation) -> bytes:
    match operation:
        case Append(mailbox, copies):
            messages = [b"(%s) %s" % (_flag_list(copy.flags), literal(content_of(copy.letter))) for copy in copies]
            return b"APPEND %s %s" % (mailbox.encode(), b" ".join(messages))
        case Flag(_, uids, add, remove):
            verb, flags = (b"+FLAGS", add) if add else (b"-FLAGS", remove)
            return b"UID STORE %s %s.SILENT (%s)" % (_uid_list(uids), verb, _flag_list(flags))
        case CopyTo(_, uids, destination):
            return b"UID COPY %s %s" % (_uid_list(uids), destination.encode())
        case MoveTo(_, uids, destination):
            return b"UID MOVE %s %s" % (_uid_list(uids), destination.encode())
        case Expunge(_, uids):
            return b"UID EXPUNGE " + _uid_list(uids)
        case Create(mailbox):
            return b"CREATE " + mailbox.encode()
        case Delete(mailbox):
            return b"DELETE " + mailbox.encode()


def _uid_list(uids: Sequence[int]) -> bytes:
    return b",".join(b"%d" % uid for uid in uids)


def _flag_list(flags: frozenset[str]) -> bytes:
    return " ".join(sorted(flags)).encode()


def _new_uids(reply: Reply, operation: Operation) -> list[int]:
    """The UIDs of APPENDUID or COPYUID, in the order of the messages that were appended, copied or moved."""
    for response in (reply.text, *reply.untagged):
        if match := re.search(rb"\[APPENDUID [0-9]+ ([0-9:,]+)\]", response):
            return _expanded(match[1])
        if match := re.search(rb"\[COPYUID [0-9]+ ([0-9:,]+) ([0-9:,]+)\]", response):
            became = dict(zip(_expanded(match[1]), _expanded(match[2]), strict=True))
            assert isinstance(operation, CopyTo | MoveTo)
            return [became[uid] for uid in operation.uids if uid in became]
    return []


def _expanded(uid_set: bytes) -> list[int]:
    uids: list[int] = []
    for piece in uid_set.split(b","):
        first, _, last = piece.partition(b":")
        low, high = sorted((int(first), int(last or first)))
        uids += range(low, high + 1)
    return uids
