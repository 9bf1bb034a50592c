r"""A Maildir with folders in folders (Dovecot's `LAYOUT=fs`), which takes any name that IMAP does.

Dovecot finds UIDs and UIDVALIDITY in `dovecot-uidlist`, keywords in `dovecot-keywords`, and `subscriptions`. The
internal date is the file's modification time; its zone has no place in a Maildir. Bytes are as they are (CRLF).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pillarbox.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from pillarbox.mail.names import INBOX
from pillarbox.mail.utf7 import encode_utf7
from pillarbox.transfer.container import MailboxOut, MessageOut
from pillarbox.transfer.paths import Paths

_LETTERS: Final = {DRAFT: "D", FLAGGED: "F", ANSWERED: "R", SEEN: "S", DELETED: "T"}
_MOST_KEYWORDS: Final = 26
"""The letters a to z in file names; Dovecot's own limit."""
_PARTS: Final = ("cur", "new", "tmp")


class MaildirWriter:
    """container.Writer"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = Paths(lambda level: encode_utf7(level).decode("ascii"), lambda level: level in _PARTS)
        self._notes: list[str] = []
        self._path = folder
        self._uidlist: list[str] = []
        self._letters: dict[str, str] = {}

    def begin(self, mailbox: MailboxOut) -> None:
        path = self._paths.of(mailbox.name)
        if path.as_posix() != encode_utf7(mailbox.name).decode("ascii"):
            self._notes.append(f'"{mailbox.name}" is called {path}: a Maildir can\'t have that name')
        self._path = self._folder if mailbox.name == INBOX else self._folder / path
        for part in _PARTS:
            (self._path / part).mkdir(parents=True, exist_ok=True)
        keywords = mailbox.keywords[:_MOST_KEYWORDS]
        if left := mailbox.keywords[_MOST_KEYWORDS:]:
            self._notes.append(f'"{mailbox.name}" lost keywords, a Maildir holds 26: {", ".join(left)}')
        self._letters = _LETTERS | {name: chr(ord("a") + number) for number, name in enumerate(keywords)}
        if keywords:
            lines = "".join(f"{number} {name}\n" for number, name in enumerate(keywords))
            (self._path / "dovecot-keywords").write_text(lines)
        self._uidlist = [f"3 V{mailbox.uidvalidity} N{mailbox.uidnext} G{secrets.token_hex(16)}\n"]

    def message(self, message: MessageOut) -> None:
        seconds = message.date.epoch_seconds
        base = f"{max(0, seconds)}.M{message.uid}P{os.getpid()}.pillarbox,S={len(message.content)}"
        letters = "".join(sorted(self._letters[flag] for flag in message.flags if flag in self._letters))
        path = self._path / "cur" / f"{base}:2,{letters}"
        path.write_bytes(message.content)
        os.utime(path, (seconds, seconds))
        self._uidlist.append(f"{message.uid} :{base}\n")

    def end(self) -> None:
        (self._path / "dovecot-uidlist").write_text("".join(self._uidlist))

    def finish(self, subscriptions: Sequence[str]) -> None:
        lines = "".join(encode_utf7(name).decode("ascii") + "\n" for name in subscriptions)
        (self._folder / "subscriptions").write_text(lines)

    def notes(self) -> list[str]:
        return self._notes
