r"""An export with a manifest: .eml files, byte for byte, and `manifest.json` with all that is known of them.

    {"format": "pillarbox-export", "version": 1, "subscriptions": [NAME...], "mailboxes": [
        {"name": NAME, "uidvalidity": 1, "uidnext": 9, "highest_modseq": 7,
         "special_use": ["\\Sent"], "subscribed": true, "messages": [
            {"uid": 3, "file": "Sent/3.eml", "size_bytes": 120, "sha256": HEX, "flags": ["\\Seen"], "modseq": 5,
             "internal_date": "2019-01-02T10:20:30+01:00", "save_date": "2019-01-02T09:20:31+00:00"}]}]}

Everything is checked before anything is taken: a manifest that lies is refused whole.

Must never: read a file outside the folder, or believe a size or a hash.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pillarbox.delivery.letters import Folder, Kept, Letter, Traits, Unreadable
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import SYSTEM_FLAGS
from pillarbox.mail.specialuse import SPECIAL_USES

MANIFEST_NAME: Final = "manifest.json"
FORMAT: Final = "pillarbox-export"
VERSION: Final = 1
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class ManifestInvalid(Exception):
    """It contradicts itself, or its files; the text says where."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One that was checked against its files."""

    folders: list[Folder]
    subscriptions: tuple[str, ...]


def date_text(date: InternalDate) -> str:
    """As it stands in a manifest."""
    zone = datetime.timezone(datetime.timedelta(minutes=date.zone_minutes))
    return (_EPOCH + datetime.timedelta(seconds=date.epoch_seconds)).astimezone(zone).isoformat()


def read_manifest(folder: Path) -> Manifest:
    """Raises ManifestInvalid, OSError."""
    try:
        document = json.loads((folder / MANIFEST_NAME).read_bytes())
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise ManifestInvalid(f"this is not {FORMAT} version {VERSION}")
        folders = [_mailbox(folder, entry) for entry in document["mailboxes"]]
        subscriptions = tuple(_text(name) for name in document["subscriptions"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ManifestInvalid(f"it is damaged: {type(error).__name__}: {error}") from error
    names = [each.name for each in folders]
    if len(set(names)) != len(names):
        raise ManifestInvalid("a mailbox stands in it twice")
    return Manifest([*folders], subscriptions)


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    uid: int
    flags: frozenset[str]
    date: InternalDate
    save_seconds: int


class ManifestFolder:
    """One mailbox of an export."""

    def __init__(self, name: str, size_bytes: int, kept: Kept, traits: Traits, entries: list[_Entry]) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.kept: Kept | None = kept
        self.traits = traits
        self._entries = entries

    def letters(self) -> Iterator[Letter | Unreadable]:
        """The messages by UID, byte for byte."""
        for entry in self._entries:
            content = entry.path.read_bytes()
            yield Letter(str(entry.path), content, entry.date, entry.flags, entry.uid, entry.save_seconds)


def _mailbox(folder: Path, entry: dict[str, Any]) -> ManifestFolder:  # Any: JSON
    name = _text(entry["name"])
    kept = Kept(_number(entry["uidvalidity"], 2**32 - 1), _number(entry["uidnext"], 2**32 - 1), _modseq(entry))
    uses = frozenset(_text(use) for use in entry["special_use"])
    if not uses <= frozenset(SPECIAL_USES):
        raise ManifestInvalid(f'mailbox "{name}" has a special use that there is not')
    messages = entry["messages"]
    uids = [_number(message["uid"], 2**32 - 2) for message in messages]
    if any(earlier >= later for earlier, later in pairwise(uids)):
        raise ManifestInvalid(f'UIDs of mailbox "{name}" come twice or do not ascend')
    if uids and uids[-1] >= kept.uidnext:
        raise ManifestInvalid(f'a UID of mailbox "{name}" is not below its uidnext')
    entries = [_message(folder, name, message) for message in messages]
    size_bytes = sum(message["size_bytes"] for message in messages)
    return ManifestFolder(name, size_bytes, kept, Traits(uses, entry["subscribed"] is True), entries)


def _message(folder: Path, name: str, message: dict[str, Any]) -> _Entry:  # Any: JSON
    file = _text(message["file"])
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ManifestInvalid(f"{file} lies outside the export")
    if not path.is_file():
        raise ManifestInvalid(f"{file} is missing")
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if path.stat().st_size != message["size_bytes"] or sha256 != message["sha256"]:
        raise ManifestInvalid(f"{file} is not the message that was exported: its size or SHA-256 differ")
    moment = datetime.datetime.fromisoformat(message["internal_date"])
    offset = moment.utcoffset()
    if offset is None:
        raise ManifestInvalid(f"the internal date of {file} has no zone")
    saved = datetime.datetime.fromisoformat(message["save_date"])
    date = InternalDate(_seconds(moment), int(offset.total_seconds() // 60))
    flags = frozenset(map(_text, message["flags"]))
    if any(flag.startswith("\\") and flag not in SYSTEM_FLAGS for flag in flags):
        raise ManifestInvalid(f"{file} has a system flag that there is not")
    return _Entry(path, message["uid"], flags, date, _seconds(saved))


def _seconds(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(seconds=1)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _number(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise ValueError(f"expected a number from 1 to {most}")
    return value


def _modseq(entry: dict[str, Any]) -> int:  # Any: JSON
    value = entry["highest_modseq"]
    return 0 if value == 0 else _number(value, 2**63 - 1)
