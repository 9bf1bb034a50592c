"""Reads back everything after a restart: every mailbox, every message with its flags and all of its bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.crash.ledger import Copy, MailboxSeen
from tests.crash.load import MAILBOXES, content_of
from tests.differential.client import Client
from tests.differential.tokens import parse_fetch


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there."""

    world: Mapping[str, MailboxSeen]
    """The shared mailboxes."""
    names: frozenset[str]
    """All others."""
    damage: list[str]
    """Messages whose bytes are not those of their letter."""


def survey(client: Client) -> Survey:
    """Ask for all of it."""
    damage: list[str] = []
    world = {name: _look_into(client, name, damage) for name in MAILBOXES}
    listed = client.ok(b'LIST "" "*"').untagged
    names = frozenset(line.split(b" ")[-1].strip(b'"').decode("ascii") for line in listed if b"* LIST" in line)
    return Survey(world, names - set(MAILBOXES), damage)


def _look_into(client: Client, name: str, damage: list[str]) -> MailboxSeen:
    selected = b"\n".join(client.ok(b"EXAMINE " + name.encode()).untagged)
    exists, uidvalidity, uidnext = (
        int(_found(pattern, selected))
        for pattern in (rb"\* ([0-9]+) EXISTS", rb"\[UIDVALIDITY ([0-9]+)\]", rb"\[UIDNEXT ([0-9]+)\]")
    )
    copies: dict[int, Copy] = {}
    # A set of UIDs may be empty (it is then no error), a set of numbers may not.
    for response in client.ok(b"UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])").untagged:
        fetched = parse_fetch(response)
        if fetched is None:
            continue
        uid, flags, content = (fetched.items[item] for item in ("UID", "FLAGS", "BODY[]"))
        assert isinstance(uid, int)
        assert isinstance(flags, tuple)
        assert isinstance(content, bytes)
        letter = _found(rb"\ASubject: ([^\r]*)", content).decode("ascii", "replace")
        if content != content_of(letter) or fetched.items["RFC822.SIZE"] != len(content):
            damage.append(f"{name} UID {uid} ({letter}): {len(content)} bytes are not the letter's")
        copies[uid] = Copy(letter, frozenset(str(flag) for flag in flags) - {"\\Recent"})
    if len(copies) != exists:
        damage.append(f"{name}: {exists} EXISTS but {len(copies)} different UIDs")
    return MailboxSeen(uidvalidity, uidnext, copies)


def _found(pattern: bytes, data: bytes) -> bytes:
    match = re.search(pattern, data)
    return match[1] if match else b"0"
