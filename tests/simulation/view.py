"""What a device knows of its open mailbox, and the rules by which responses may change that.

RFC 9051 sections 5.2 and 7.5; RFC 7162 (VANISHED, MODSEQ); RFC 9586 (UIDFETCH). What can't be true of a correct server
is an AssertionError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.grammar.tree import Exists, Expunge, Fetch, Numbers, Recent, Response, Vanished

NO_EXPUNGE_DURING = ("FETCH", "STORE", "SEARCH")


@dataclass(frozen=True, slots=True)
class Kind:
    """How a device speaks."""

    name: str
    enables: frozenset[str] = frozenset()
    habits: frozenset[str] = frozenset()
    """`compress`, and `roams`: is offline now and then."""

    @property
    def knows_modseqs(self) -> bool:
        return bool(self.enables & {"CONDSTORE", "QRESYNC"})

    @property
    def has_qresync(self) -> bool:
        return "QRESYNC" in self.enables

    @property
    def by_uid_only(self) -> bool:
        return "UIDONLY" in self.enables


@dataclass(slots=True, eq=False)
class Message:
    """What is known of one message."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int = 0

    def is_known(self, kind: Kind) -> bool:
        return self.uid is not None and self.flags is not None and (self.modseq > 0 or not kind.knows_modseqs)


@dataclass(slots=True)
class Snapshot:
    """What a device remembers of a mailbox that is not open."""

    uidvalidity: int
    highest_modseq: int
    messages: dict[int, tuple[frozenset[str], int]]
    complete_to: int
    """The UID up to which it knows all messages."""


@dataclass(slots=True)
class View:
    """The open mailbox. `messages` stand in the order of their numbers; those not asked for yet are empty."""

    kind: Kind
    name: str
    read_only: bool = False
    uidvalidity: int = 0
    mailbox_id: str = ""
    highest_modseq: int = 0
    """As RFC 7162 section 6 has clients reckon it."""
    messages: list[Message] = field(default_factory=list)
    flags_told: list[Message] = field(default_factory=list)
    """Whose flags were told since the last command was sent."""
    _complete_to: int = 0

    # --- asking the view -------------------------------------------------------------------------

    def known(self) -> list[Message]:
        return [one for one in self.messages if one.is_known(self.kind)]

    def of_uid(self, uid: int) -> Message | None:
        return next((one for one in self.messages if one.uid == uid), None)

    def number_of(self, message: Message) -> int:
        return next(number for number, one in enumerate(self.messages, 1) if one is message)

    def snapshot(self) -> Snapshot:
        """What is to be remembered. What was told of single arrivals, before they were asked for, is not."""
        last = self.complete_to
        kept = {
            one.uid: (one.flags, one.modseq)
            for one in self.messages
            if one.uid is not None and one.uid <= last and one.flags is not None
        }
        return Snapshot(self.uidvalidity, self.highest_modseq, kept, last)

    @property
    def complete_to(self) -> int:
        """The UID up to which all messages are known: those not asked for yet are arrivals, and have higher ones."""
        if all(one.uid is not None and one.flags is not None for one in self.messages):
            self._complete_to = max((one.uid or 0 for one in self.messages), default=0)
        return self._complete_to

    # --- being told ------------------------------------------------------------------------------

    def take(self, response: Response, running: str | None) -> None:
        """`running`: the command in progress, if any."""
        match response:
            case Exists(count):
                assert count >= len(self.messages), "EXISTS went down without EXPUNGE"
                self._complete_to = self.complete_to
                self.messages += [Message() for _ in range(count - len(self.messages))]
            case Recent(count):
                assert "IMAP4REV2" not in self.kind.enables, "RECENT though IMAP4rev2 is enabled"
                assert count <= len(self.messages), "more \\Recent messages than messages"
            case Expunge(number):
                self._check_expunge(running)
                assert not self.kind.has_qresync, "EXPUNGE though QRESYNC is enabled"
                assert not self.kind.by_uid_only, "EXPUNGE though UIDONLY is enabled"
                assert number <= len(self.messages), "EXPUNGE of a number that isn't there"
                del self.messages[number - 1]
            case Vanished(earlier, uids):
                assert not earlier, "VANISHED (EARLIER) that nobody asked for"
                self._check_expunge(running)
                self._vanish(uids)
            case Fetch():
                self._fetch(response, running)
            case _:
                return

    def _check_expunge(self, running: str | None) -> None:
        assert running is not None, "a message went while no command was in progress"
        assert not running.startswith(NO_EXPUNGE_DURING), f"a message went during {running}"

    def _vanish(self, uids: Numbers) -> None:
        assert self.kind.has_qresync or self.kind.by_uid_only, "VANISHED without QRESYNC or UIDONLY"
        for low, high in uids:
            for uid in range(low, high + 1):
                gone = self.of_uid(uid) or self._unknown_at(uid)
                assert gone is not None, f"VANISHED {uid}, which was never there"
                self.messages = [one for one in self.messages if one is not gone]

    def _unknown_at(self, uid: int) -> Message | None:
        """A message not asked for yet that may have this UID. With UIDONLY places mean nothing."""
        below = 0
        unknown: Message | None = None
        for one in self.messages:
            if one.uid is None:
                unknown = unknown or one
            elif self.kind.by_uid_only:
                continue
            elif one.uid > uid:
                return unknown
            else:
                below, unknown = one.uid, None
        return unknown if below < uid else None

    def _fetch(self, response: Fetch, running: str | None) -> None:
        assert response.by_uid == self.kind.by_uid_only, "UIDFETCH for UIDONLY, FETCH for all others"
        if response.by_uid:
            message = self.of_uid(response.number) or self._unknown_at(response.number)
            assert message is not None, f"UIDFETCH of {response.number}, which isn't there"
            message.uid = response.number
        else:
            assert response.number <= len(self.messages), "FETCH of a number that isn't there"
            message = self.messages[response.number - 1]
            uid = response.items.get("UID")
            asked = (running or "").startswith("FETCH") and "BODY[" not in (running or "")
            told = "FLAGS" in response.items and not asked and self.kind.knows_modseqs
            assert uid or not told, "changed flags without UID: RFC 7162 section 3.2.4"
            assert uid is None or message.uid in (None, uid), f"{response.number} was {message.uid}, now {uid!r}"
            if isinstance(uid, int):
                message.uid = uid
        self._note(message, response)
        uids = [one.uid for one in self.messages if one.uid is not None]
        assert self.kind.by_uid_only or uids == sorted(set(uids)), "UIDs must ascend with the numbers"

    def _note(self, message: Message, response: Fetch) -> None:
        flags, modseq = response.items.get("FLAGS"), response.items.get("MODSEQ")
        if isinstance(modseq, int):
            assert modseq >= message.modseq, f"the mod-sequence of {message.uid} went back"
            message.modseq = modseq
        if isinstance(flags, frozenset):
            assert modseq or not self.kind.knows_modseqs, "FLAGS without MODSEQ though CONDSTORE is enabled"
            assert "IMAP4REV2" not in self.kind.enables or "\\Recent" not in flags
            message.flags = flags - {"\\Recent"}
            self.flags_told.append(message)

    def did(self, targets: Sequence[Message], action: str, flags: frozenset[str]) -> None:
        """Our own STORE .SILENT was done: nobody tells its flags, except those told meanwhile for another reason."""
        for one in targets:
            if one.flags is None or any(one is told for told in self.flags_told):
                continue
            match action:
                case "+FLAGS":
                    one.flags |= flags
                case "-FLAGS":
                    one.flags -= flags
                case _:
                    one.flags = flags

    # --- coming back -----------------------------------------------------------------------------

    def remember(self, before: Snapshot, gone: Numbers, changed: Sequence[Fetch]) -> None:
        """The answer to SELECT with QRESYNC: what was known before, less what vanished, and what changed or is new. It
        must fit the count and the numbers that the server now has. The rest are arrivals not asked for yet."""
        kept = [
            Message(uid, flags, modseq)
            for uid, (flags, modseq) in sorted(before.messages.items())
            if not any(low <= uid <= high for low, high in gone)
        ]
        assert len(kept) <= len(self.messages), "more messages known than there are: VANISHED (EARLIER) left some out"
        self.messages[: len(kept)] = kept
        self._complete_to = before.complete_to
        for response in changed:
            self._fetch(response, "SELECT")
