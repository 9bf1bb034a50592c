"""A second client that looks at an account, and changes it, while another client is under test.

It is IMAPClient, which has tests of its own. Each call that looks makes a fresh connection, so what it sees is what
the server acknowledged, not what one session believes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from imapclient import IMAPClient

from .account import Account


@dataclass(frozen=True, slots=True)
class Kept:
    r"""A message as the server keeps it; flags without \Recent, which is the session's."""

    uid: int
    flags: frozenset[str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Witness:
    account: Account

    @contextmanager
    def session(self) -> Iterator[IMAPClient]:
        """A logged-in connection that ends with LOGOUT."""
        account = self.account
        with IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30) as client:
            client.login(account.user, account.password)
            yield client

    def put(
        self, content: bytes, mailbox: str = "INBOX", flags: Sequence[str] = (), date: datetime | None = None
    ) -> int:
        """APPEND a message; returns its UID."""
        with self.session() as client:
            before = client.folder_status(mailbox, ["UIDNEXT"])[b"UIDNEXT"]
            client.append(mailbox, content, [flag.encode() for flag in flags], date)
            return int(before)

    def create(self, *mailboxes: str) -> None:
        with self.session() as client:
            for mailbox in mailboxes:
                client.create_folder(mailbox)

    def names(self) -> set[str]:
        """All mailboxes."""
        with self.session() as client:
            return {str(name) for _, _, name in client.list_folders()}

    def messages(self, mailbox: str = "INBOX") -> list[Kept]:
        """All messages of a mailbox, ascending by UID."""
        with self.session() as client:
            client.select_folder(mailbox, readonly=True)
            found = client.fetch(client.search(), ["UID", "FLAGS", "BODY.PEEK[]"])
        return [
            Kept(uid, frozenset(flag.decode() for flag in row[b"FLAGS"]) - {"\\Recent"}, row[b"BODY[]"])
            for uid, row in sorted(found.items())
        ]

    def contents(self, mailbox: str = "INBOX") -> list[bytes]:
        return [message.content for message in self.messages(mailbox)]

    def flags(self, mailbox: str = "INBOX") -> dict[int, frozenset[str]]:
        return {message.uid: message.flags for message in self.messages(mailbox)}

    def add_flags(self, uid: int, *flags: str, mailbox: str = "INBOX") -> None:
        with self.session() as client:
            client.select_folder(mailbox)
            client.add_flags([uid], [flag.encode() for flag in flags])

    def remove(self, uid: int, mailbox: str = "INBOX") -> None:
        r"""Set \Deleted on one message and expunge it."""
        with self.session() as client:
            client.select_folder(mailbox)
            client.delete_messages([uid])
            client.uid_expunge([uid])

    def state(self, mailbox: str = "INBOX") -> dict[bytes, int]:
        """Numbers that move with any change: equal before and after means that nothing was changed in between."""
        with self.session() as client:
            answer = client.folder_status(mailbox, ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ"])
            return {key: int(value) for key, value in answer.items()}
