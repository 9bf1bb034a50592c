"""Files of .eml, byte for byte, and a manifest of all that is known of them (delivery/manifest.py)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pillarbox.delivery.manifest import FORMAT, MANIFEST_NAME, VERSION, date_text
from pillarbox.mail.dates import InternalDate
from pillarbox.transfer.container import MailboxOut, MessageOut
from pillarbox.transfer.paths import Paths


class EmlWriter:
    """container.Writer"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = Paths(str, lambda level: level.endswith(".eml") or level == MANIFEST_NAME)
        self._manifest: IO[str] = (folder / MANIFEST_NAME).open("w", encoding="utf-8")
        self._manifest.write(f'{{"format": "{FORMAT}", "version": {VERSION}, "mailboxes": [')
        self._between_mailboxes = self._between_messages = "\n"
        self._path = Path()

    def begin(self, mailbox: MailboxOut) -> None:
        self._path = Path(self._paths.of(mailbox.name))
        (self._folder / self._path).mkdir(parents=True, exist_ok=True)
        facts = {
            "name": mailbox.name,
            "uidvalidity": mailbox.uidvalidity,
            "uidnext": mailbox.uidnext,
            "highest_modseq": mailbox.highest_modseq,
            "special_use": sorted(mailbox.special_use),
            "subscribed": mailbox.is_subscribed,
        }
        written = json.dumps(facts, ensure_ascii=False).removesuffix("}")
        self._manifest.write(f'{self._between_mailboxes}{written}, "messages": [')
        self._between_mailboxes, self._between_messages = ",\n", "\n"

    def message(self, message: MessageOut) -> None:
        file = self._path / f"{message.uid}.eml"
        (self._folder / file).write_bytes(message.content)
        facts = {
            "uid": message.uid,
            "file": file.as_posix(),
            "size_bytes": len(message.content),
            "sha256": hashlib.sha256(message.content).hexdigest(),
            "flags": sorted(message.flags),
            "modseq": message.modseq,
            "internal_date": date_text(message.date),
            "save_date": date_text(InternalDate(message.save_seconds, 0)),
        }
        self._manifest.write(self._between_messages + json.dumps(facts, ensure_ascii=False))
        self._between_messages = ",\n"

    def end(self) -> None:
        self._manifest.write("]}")

    def finish(self, subscriptions: Sequence[str]) -> None:
        self._manifest.write(f'], "subscriptions": {json.dumps(list(subscriptions), ensure_ascii=False)}}}\n')
        self._manifest.close()

    def notes(self) -> list[str]:
        return []
