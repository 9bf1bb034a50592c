"""An account on an old server, full of what is easily lost on the way, and how to look at one over IMAP."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import NamedTuple, Protocol

import imapclient

PASSWORD = "correct horse battery"


class Server(Protocol):
    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...


class Seen(NamedTuple):
    """One message as a client sees it."""

    sha256: str
    flags: frozenset[bytes]
    date: str


def connect(server: Server, user: str) -> imapclient.IMAPClient:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    client = imapclient.IMAPClient(server.host, server.port, ssl_context=context, timeout=60)
    client.normalise_times = False
    client.login(user, PASSWORD)
    return client


def letter(subject: str, size_bytes: int = 0) -> bytes:
    head = f"From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\nHello {subject}\r\n".encode()
    return head + b"0123456789abcdef\r\n" * max(0, (size_bytes - len(head)) // 18)


def fill(server: Server, user: str, messages: int) -> None:
    """Mailboxes with awkward names, flags, keywords, dates, a large message, special uses and subscriptions."""
    with connect(server, user) as client:
        for name in ("Sent", "Projects/2019", "Entwürfe & Co", "empty"):
            if not client.folder_exists(name):
                client.create_folder(name)
        client.subscribe_folder("Projects/2019")
        client.subscribe_folder("Sent")
        for number in range(messages):
            name = ("INBOX", "Sent", "Projects/2019", "Entwürfe & Co")[number % 4]
            flags = [(), (b"\\Seen",), (b"\\Seen", b"\\Answered", b"work"), (b"$Forwarded", b"\\Flagged")][number % 3]
            date = f'"{number % 28 + 1:2d}-Jan-2019 10:20:30 +0{number % 10}30"'
            raw_name = imapclient.imap_utf7.encode(name).decode()
            client._imap.append(f'"{raw_name}"', " ".join(f.decode() for f in flags), date, letter(f"n{number}"))
        client.append("INBOX", letter("large", 3_000_000))
        client.append("INBOX", letter("bare") + b"8-bit \xff\xfe\r\n")
        client.select_folder("INBOX")
        client.delete_messages([1])
        client.expunge()


def seen(server: Server, user: str) -> dict[str, list[Seen]]:
    """Every mailbox's messages, in order."""
    found = {}
    with connect(server, user) as client:
        for attributes, _, name in client.list_folders():
            if b"\\Noselect" in attributes or b"\\NonExistent" in attributes:
                continue
            count = client.select_folder(name, readonly=True)[b"EXISTS"]
            found[name] = []
            uids = client.search() if count else []
            for _, items in client.fetch(uids, ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"]).items():
                flags = frozenset(flag for flag in items[b"FLAGS"] if flag != b"\\Recent")
                date = items[b"INTERNALDATE"].isoformat()
                found[name].append(Seen(hashlib.sha256(items[b"BODY[]"]).hexdigest(), flags, date))
    return found


class Numbers(NamedTuple):
    """What a client remembers of a mailbox."""

    uidvalidity: int
    uidnext: int
    uids: list[int]
    modseq: int


def numbers(server: Server, user: str) -> dict[str, Numbers]:
    """Of every mailbox."""
    found = {}
    with connect(server, user) as client:
        for attributes, _, name in client.list_folders():
            if b"\\Noselect" not in attributes and b"\\NonExistent" not in attributes:
                answer = client.select_folder(name, readonly=True)
                uids = list(client.search()) if answer[b"EXISTS"] else []
                found[name] = Numbers(answer[b"UIDVALIDITY"], answer[b"UIDNEXT"], uids, answer.get(b"HIGHESTMODSEQ", 0))
    return found
