"""Puts letters of a source into an account, batch by batch.

A batch is one transaction, so an import that is stopped has whole batches in and nothing half. A batch that the
store refuses is tried again letter by letter: only what can't be stored is left out, and it is named.

Must never: drop a letter without reporting it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from pillarbox.delivery.letters import Folder, Folders, Letter, Unreadable
from pillarbox.mail.errors import LimitReached, MailboxExists, MailboxMissing, MessageTooBig, NameInvalid
from pillarbox.mail.names import INBOX, SEPARATOR, canonical_name
from pillarbox.store.contract import AccountStore, MailboxId, NewMessage

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
                mailbox = await self._mailbox(name)
            except (NameInvalid, LimitReached) as error:
                self._leave_out_folder(folder, name, error)
                continue
            for batch in _batches(folder.letters()):
                await self._take(batch, name, mailbox)
        return self.outcome

    async def _mailbox(self, name: str) -> MailboxId:
        """The mailbox of that name, made and subscribed when it is not there."""
        try:
            mailbox = (await self._account.find(name)).id
        except MailboxMissing:
            try:
                mailbox = (await self._account.create(name)).id
            except MailboxExists:  # somebody else was faster
                mailbox = (await self._account.find(name)).id
        await self._account.subscribe(name)
        self.outcome.by_mailbox.setdefault(name, 0)
        return mailbox

    async def _take(self, batch: list[Letter | Unreadable], name: str, mailbox: MailboxId) -> None:
        letters = [each for each in batch if isinstance(each, Letter)]
        for each in batch:
            if isinstance(each, Unreadable):
                self._leave_out(each)
        try:
            await self._store(letters, name, mailbox)
        except (LimitReached, MessageTooBig, NameInvalid):
            for letter in letters:
                await self._take_alone(letter, name, mailbox)

    async def _take_alone(self, letter: Letter, name: str, mailbox: MailboxId) -> None:
        try:
            await self._store([letter], name, mailbox)
        except MessageTooBig as error:
            self._leave_out(Unreadable(letter.origin, str(error)))
        except (LimitReached, NameInvalid):
            system_flags = frozenset(flag for flag in letter.flags if flag.startswith("\\"))
            await self._store([replace(letter, flags=system_flags)], name, mailbox)  # the letter before its keywords

    async def _store(self, letters: list[Letter], name: str, mailbox: MailboxId) -> None:
        if not letters:
            return
        await self._account.append(
            mailbox, [NewMessage(letter.content, letter.internal_date, letter.flags) for letter in letters]
        )
        size_bytes = sum(len(letter.content) for letter in letters)
        self.outcome.messages += len(letters)
        self.outcome.size_bytes += size_bytes
        self.outcome.by_mailbox[name] += len(letters)
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
