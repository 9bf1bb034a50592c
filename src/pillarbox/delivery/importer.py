"""Puts letters of a source into an account, batch by batch.

A batch is one transaction, so an import that is stopped has whole batches in and nothing half. A batch that the
store refuses is tried again letter by letter: only what can't be stored is left out, and it is named.

Must never: drop a letter without reporting it.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from pillarbox.delivery.letters import Folder, Folders, Kept, Letter, Traits, Unreadable
from pillarbox.mail.errors import LimitReached, MailboxExists, MessageTooBig, NameInvalid, NotAllowed
from pillarbox.mail.names import INBOX, SEPARATOR, canonical_name
from pillarbox.store.contract import AccountStore, KeptMessage, MailboxId, NewMessage

BATCH_MESSAGES: Final = 200
"""One sync of the disk for so many; more gain nothing."""
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Memory that a batch takes, unless one message alone is larger."""


class Progress(Protocol):
    """Told how far it got."""

    def took(self, messages: int, size_bytes: int) -> None:
        """So many letters more are stored or reported."""
        ...

    def left_out(self, letter: Unreadable) -> None:
        """A letter could not be taken, for this reason."""
        ...


@dataclass(slots=True)
class Outcome:
    """What an import did."""

    messages: int = 0
    size_bytes: int = 0
    by_mailbox: dict[str, int] = field(default_factory=dict)
    left_out: list[Unreadable] = field(default_factory=list)
    uids_kept: list[str] = field(default_factory=list)
    """Mailboxes whose UIDs are those of the source."""
    renumbered: dict[str, str] = field(default_factory=dict)
    """Mailboxes that could not take on the source's UIDs, and why."""
    here_before: int = 0
    """Messages that an import before this one brought under their UIDs."""


@dataclass(slots=True)
class _Place:
    """Where the letters of a folder go."""

    name: str
    mailbox: MailboxId
    kept: Kept | None
    """While UIDs of the source can be taken on."""


class Importer:
    """Imports into one account."""

    def __init__(self, account: AccountStore, progress: Progress) -> None:
        self._account = account
        self._progress = progress
        self.outcome = Outcome()

    async def run(self, folders: Folders, into: str) -> Outcome:
        """Take all folders. `into` is the mailbox for the source's top; empty: INBOX, with folders beside it.

        Raises OSError when the source can't be read any further, StoreUnavailable.
        """
        for folder in folders:
            name = canonical_name(mailbox_name(folder.name, into))
            try:
                mailbox = await self._mailbox(name, folder.traits)
            except (NameInvalid, LimitReached) as error:
                self._leave_out_folder(folder, name, error)
                continue
            place = _Place(name, mailbox, await self._what_is_kept(folder, name, mailbox))
            for batch in _batches(folder.letters()):
                await self._take(batch, place)
            await self._end_of_kept(place)
        return self.outcome

    async def _mailbox(self, name: str, traits: Traits) -> MailboxId:
        """The mailbox of that name, made when it is not there, as the source has it."""
        with contextlib.suppress(MailboxExists):
            await self._account.create(name, traits.special_use)
        mailbox = await self._account.find(name)
        if traits.special_use - mailbox.special_use:
            await self._account.set_special_use(name, mailbox.special_use | traits.special_use)
        if traits.is_subscribed:
            await self._account.subscribe(name)
        self.outcome.by_mailbox.setdefault(name, 0)
        return mailbox.id

    async def _what_is_kept(self, folder: Folder, name: str, mailbox: MailboxId) -> Kept | None:
        """The source's UIDVALIDITY and UIDs, when the mailbox can take them on or has taken them on before."""
        if folder.kept is None:
            return None
        try:
            await self._account.restore(mailbox, folder.kept.uidvalidity, [], modseq=folder.kept.modseq)
        except (NotAllowed, LimitReached) as error:
            self.outcome.renumbered[name] = str(error)
            return None
        self.outcome.uids_kept.append(name)
        return folder.kept

    async def _end_of_kept(self, place: _Place) -> None:
        """UIDs that the source gave to messages which are gone are not given again."""
        if place.kept is not None:
            await self._account.restore(place.mailbox, place.kept.uidvalidity, [], place.kept.uidnext)
            place.kept = None

    async def _take(self, batch: list[Letter | Unreadable], place: _Place) -> None:
        letters = [each for each in batch if isinstance(each, Letter)]
        for each in batch:
            if isinstance(each, Unreadable):
                self._leave_out(each)
        if place.kept is not None:
            letters = await self._not_here_yet(letters, place)
        for part in ([each for each in letters if each.uid], [each for each in letters if not each.uid]):
            try:
                await self._store(part, place)
            except (LimitReached, MessageTooBig, NameInvalid):
                for letter in part:
                    await self._take_alone(letter, place)

    async def _not_here_yet(self, letters: list[Letter], place: _Place) -> list[Letter]:
        """Those that an import before this one, which was stopped or is being repeated, did not bring."""
        uidnext = (await self._account.status(place.mailbox)).uidnext
        before = [letter for letter in letters if 0 < letter.uid < uidnext]
        contents = await self._account.contents(place.mailbox, [letter.uid for letter in before])
        for letter, content in zip(before, contents, strict=True):
            if content is not None and content.whole() != letter.content:
                self._leave_out(Unreadable(letter.origin, f'another message has UID {letter.uid} in "{place.name}"'))
            else:
                self.outcome.here_before += 1
                self._progress.took(1, len(letter.content))
        return [letter for letter in letters if not 0 < letter.uid < uidnext]

    async def _take_alone(self, letter: Letter, place: _Place) -> None:
        try:
            await self._store([letter], place)
        except MessageTooBig as error:
            self._leave_out(Unreadable(letter.origin, str(error)))
        except (LimitReached, NameInvalid):
            system_flags = frozenset(flag for flag in letter.flags if flag.startswith("\\"))
            await self._store([replace(letter, flags=system_flags)], place)  # the letter before its keywords

    async def _store(self, letters: list[Letter], place: _Place) -> None:
        """Letters that all have a UID worth keeping, or none of them has."""
        if not letters:
            return
        messages = [NewMessage(letter.content, letter.internal_date, letter.flags) for letter in letters]
        if letters[0].uid and place.kept is not None:
            kept = [
                KeptMessage(letter.uid, message, letter.save_seconds)
                for letter, message in zip(letters, messages, strict=True)
            ]
            await self._account.restore(place.mailbox, place.kept.uidvalidity, kept)
        else:
            await self._end_of_kept(place)
            await self._account.append(place.mailbox, messages)
        size_bytes = sum(len(letter.content) for letter in letters)
        self.outcome.messages += len(letters)
        self.outcome.size_bytes += size_bytes
        self.outcome.by_mailbox[place.name] += len(letters)
        self._progress.took(len(letters), size_bytes)

    def _leave_out_folder(self, folder: Folder, name: str, error: Exception) -> None:
        for each in folder.letters():
            self._leave_out(Unreadable(each.origin, f'mailbox "{name}": {error}'))

    def _leave_out(self, letter: Unreadable) -> None:
        self.outcome.left_out.append(letter)
        self._progress.left_out(letter)


def mailbox_name(folder_name: str, into: str) -> str:
    """The mailbox that a folder of a source goes to; characters that no mailbox name can hold become "_"."""
    joined = SEPARATOR.join(level for level in (into, folder_name) if level) or INBOX
    return "".join("_" if _is_forbidden(character) else character for character in joined)


def _is_forbidden(character: str) -> bool:
    return character in "*%" or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _batches(letters: Iterable[Letter | Unreadable]) -> Iterator[list[Letter | Unreadable]]:
    batch: list[Letter | Unreadable] = []
    size_bytes = 0
    for letter in letters:
        batch.append(letter)
        size_bytes += len(letter.content) if isinstance(letter, Letter) else 0
        if len(batch) >= BATCH_MESSAGES or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
