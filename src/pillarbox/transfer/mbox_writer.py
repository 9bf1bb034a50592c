r"""mbox files (RFC 4155, the mboxrd dialect: `From ` and `>From ` at the start of a line get one `>` more).

Flags stand in Status, X-Status and X-Keywords, UIDs in X-UID and X-IMAPbase, as Dovecot and UW IMAP read them. Lines
end in LF, as in every mbox; so a message that had bare LFs, no last line end or such fields of its own is not byte for
byte what it was when it is read back, which notes() counts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from pillarbox.delivery.headers import header_end, without_fields
from pillarbox.delivery.mbox import FILE_FIELDS
from pillarbox.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from pillarbox.transfer.container import MailboxOut, MessageOut
from pillarbox.transfer.paths import Paths

_FROM: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_LETTERS: Final = {ANSWERED: "A", FLAGGED: "F", DRAFT: "T", DELETED: "D"}


class MboxWriter:
    """container.Writer"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = Paths(str, lambda level: level.endswith(".mbox"))
        self._notes: list[str] = []
        self._changed = 0
        self._base = ""
        self._file: IO[bytes] | None = None

    def begin(self, mailbox: MailboxOut) -> None:
        path = self._paths.of(mailbox.name)
        if path.as_posix() != mailbox.name:
            self._notes.append(f'"{mailbox.name}" is called {path}: a file can\'t have that name')
        file = self._folder / path.with_name(path.name + ".mbox")
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("wb")
        self._base = f"X-IMAPbase: {mailbox.uidvalidity} {mailbox.uidnext - 1} {' '.join(mailbox.keywords)}".rstrip()

    def message(self, message: MessageOut) -> None:
        assert self._file is not None
        content = bytes(message.content)
        lines = without_fields(content.replace(b"\r\n", b"\n"), FILE_FIELDS)
        if not lines.endswith(b"\n"):
            lines += b"\n"
        self._changed += lines.replace(b"\n", b"\r\n") != content
        end = header_end(lines)
        moment = time.asctime(time.gmtime(max(0, message.date.epoch_seconds)))
        self._file.write(f"From MAILER-DAEMON {moment}\n".encode())
        self._file.write(_FROM.sub(rb">\1", lines[:end]))
        self._file.write(self._fields(message).encode("ascii"))
        self._file.write(_FROM.sub(rb">\1", lines[end:] or b"\n"))
        self._file.write(b"\n")

    def _fields(self, message: MessageOut) -> str:
        found = [self._base] if self._base else []
        self._base = ""
        found.append(f"X-UID: {message.uid}")
        found.append("Status: RO" if SEEN in message.flags else "Status: O")
        if letters := "".join(letter for flag, letter in _LETTERS.items() if flag in message.flags):
            found.append(f"X-Status: {letters}")
        if keywords := sorted(flag for flag in message.flags if not flag.startswith("\\")):
            found.append(f"X-Keywords: {' '.join(keywords)}")
        return "\n".join(found) + "\n"

    def end(self) -> None:
        assert self._file is not None
        self._file.close()

    def finish(self, subscriptions: Sequence[str]) -> None:
        pass

    def notes(self) -> list[str]:
        if not self._changed:
            return self._notes
        return [*self._notes, f"{self._changed} messages are not byte for byte what they were; use --format eml"]
