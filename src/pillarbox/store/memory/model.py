"""The account as the model sees it, and one change to it.

Must never: be clever. A change works on a copy of the account that takes its place at the end, so a refused
change leaves nothing behind.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import FlagSet
from pillarbox.store import naming
from pillarbox.store.contract import Departure, Mailbox, MailboxId, StoreLimits, Watcher
from pillarbox.store.image import SharedImage
from pillarbox.store.quota import Usage


@dataclass(frozen=True, slots=True)
class Message:
    uid: int
    flags: FlagSet
    modseq: int
    content: bytes
    date: InternalDate
    save_seconds: int


@dataclass(slots=True)
class Box:
    info: Mailbox
    highest_modseq: int
    uidnext: int = 1
    first_recent_uid: int = 1
    messages: dict[int, Message] = field(default_factory=dict)
    """By UID, ascending."""
    vanished: list[tuple[int, int]] = field(default_factory=list)
    """(mod-sequence, UID)."""
    answers: dict[str, bytes] = field(default_factory=dict)
    """No part of the mail, so changes share it."""

    def __deepcopy__(self, memo: object) -> Box:
        return replace(self, messages=dict(self.messages), vanished=list(self.vanished))

    def chosen(self, uids: Sequence[int]) -> list[Message]:
        return [self.messages[uid] for uid in sorted(set(uids)) if uid in self.messages]


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that left, with the mailbox as it was then."""

    box: Mailbox
    message: Message
    gone_seconds: int
    how: Departure

    def __deepcopy__(self, memo: object) -> Gone:
        return self


@dataclass(slots=True)
class Mail:
    """All of an account that is kept."""

    modseq: int = 0
    uidvalidity: int = 0
    last_mailbox: int = 0
    boxes: dict[int, Box] = field(default_factory=dict)
    subscriptions: set[str] = field(default_factory=set)
    properties: dict[MailboxId | None, dict[str, bytes]] = field(default_factory=dict)
    """Of the account (None) and of mailboxes, by name."""
    keywords: dict[str, str] = field(default_factory=dict)
    """Lower case -> spelling, in the order they came."""
    departed: list[Gone] = field(default_factory=list)

    def usage(self) -> Usage:
        messages = [message for box in self.boxes.values() for message in box.messages.values()]
        return Usage(sum(len(message.content) for message in messages), len(messages), len(self.boxes))


class Account:
    """An account's mail with those who look at it."""

    def __init__(self) -> None:
        self.mail = Mail()
        self.images: dict[int, SharedImage] = {}
        self.watchers: dict[int, list[Watcher]] = {}
        self.list_watchers: list[Watcher] = []


class Change:
    """One change of an account: a copy to work on, and the mod-sequence that the change carries."""

    def __init__(self, mail: Mail, limits: StoreLimits, now_seconds: int) -> None:
        self.mail = copy.deepcopy(mail)
        self.limits = limits
        self.now_seconds = now_seconds
        self.touched: set[int] = set()

    def stamp(self, *boxes: Box) -> int:
        """The change's mod-sequence, which becomes the highest of `boxes`."""
        if not self.touched:
            self.mail.modseq += 1
        self.touched.add(0)
        for box in boxes:
            box.highest_modseq = self.mail.modseq
            self.touched.add(box.info.id)
        return self.mail.modseq

    def box(self, mailbox: MailboxId) -> Box:
        if mailbox not in self.mail.boxes:
            raise MailboxMissing("")
        return self.mail.boxes[mailbox]

    def named(self, name: str) -> Box:
        for box in self.mail.boxes.values():
            if box.info.name == name:
                return box
        raise MailboxMissing(name)

    def names(self) -> list[str]:
        return [box.info.name for box in self.mail.boxes.values()]

    def spell(self, names: frozenset[str]) -> frozenset[str]:
        spelled, new = naming.spell_flags(names, self.mail.keywords, self.limits)
        self.mail.keywords.update((name.lower(), name) for name in new)
        return spelled

    def make(self, name: str, special_use: frozenset[str]) -> Box:
        naming.check_create(name, self.names(), self.limits)
        mail = self.mail
        mail.last_mailbox += 1
        mail.uidvalidity = max(mail.uidvalidity + 1, self.now_seconds)
        info = Mailbox(MailboxId(mail.last_mailbox), name, mail.uidvalidity, special_use)
        box = mail.boxes[info.id] = Box(info, 0)
        self.stamp(box)
        return box

    def put(self, box: Box, messages: Iterable[Message]) -> list[int]:
        uids = []
        modseq = self.stamp(box)
        for message in messages:
            box.messages[box.uidnext] = replace(message, uid=box.uidnext, modseq=modseq, save_seconds=self.now_seconds)
            uids.append(box.uidnext)
            box.uidnext += 1
        return uids

    def remember(self, box: Box, messages: Iterable[Message], how: Departure) -> None:
        if self.limits.keep_expunged_days > 0:
            self.mail.departed.extend(Gone(box.info, message, self.now_seconds, how) for message in messages)

    def move_out(self, box: Box, messages: Sequence[Message]) -> None:
        self.remember(box, messages, Departure.MOVED)
        self._take(box, messages)

    def take(self, box: Box, messages: Sequence[Message]) -> None:
        self.remember(box, messages, Departure.EXPUNGED)
        self._take(box, messages)

    def _take(self, box: Box, messages: Sequence[Message]) -> None:
        modseq = self.stamp(box)
        for message in messages:
            del box.messages[message.uid]
            box.vanished.append((modseq, message.uid))
