"""The old server, as a client sees it (RFC 3501, RFC 9051; RFC 2342 NAMESPACE, RFC 6154 SPECIAL-USE, RFC 7162).

Blocking: to be used by one thread at a time. Mailboxes are opened with EXAMINE and bodies read with PEEK. The standard
library's imaplib speaks, IMAPClient's parser reads what is answered.

Must never: change anything there, speak without verified TLS, or take a broken answer for a whole one.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from imapclient.exceptions import IMAPClientError  # type: ignore[import-untyped]  # ships no types
from imapclient.response_parser import parse_fetch_response, parse_response  # type: ignore[import-untyped]  # the same

from pillarbox.delivery.letters import keyword
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import SYSTEM_FLAGS, canonical_flag
from pillarbox.mail.specialuse import SPECIAL_USE_BY_LOWER
from pillarbox.mail.uids import UidSet
from pillarbox.secret import Secret
from pillarbox.transfer.address import Address, Start

PIECE_BYTES: Final = 1024 * 1024
"""Large messages come in pieces of so much."""
_LAST_MODSEQ: Final = 2**63 - 1
"""RFC 7162 section 7."""
_NOT_NOW: Final = re.compile(rb"\[(UNAVAILABLE|INUSE|LIMIT)\]", re.IGNORECASE)
"""RFC 5530: trying later may help."""

_UNASKED: Final = re.compile(rb"\d+ \(FLAGS \([^)]*\)\)\Z")
"""News of a flag change by somebody else: it has no UID, so the parser would take its number for one."""


class SourceLost(Exception):
    """The connection broke, or the server asks for patience; trying again may help."""


class SourceRefused(Exception):
    """The server says no, or is not who it should be; trying again does not help."""


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A mailbox that can be opened there."""

    raw_name: bytes
    """As it goes over the wire."""
    delimiter: str
    special_use: frozenset[str]
    is_subscribed: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """A mailbox as it was when it was opened."""

    uidvalidity: int
    uidnext: int
    messages: int
    modseq: int
    """0: the server keeps none."""


@dataclass(frozen=True, slots=True)
class Head:
    """A message without its bytes."""

    uid: int
    flags: frozenset[str]
    date: InternalDate | None
    size_bytes: int


class ImapSource:
    """One connection, logged in. Raises SourceLost and SourceRefused wherever it talks."""

    def __init__(self, address: Address, password: Secret[str], timeout_seconds: float) -> None:
        with _told():
            context = address.tls()
            if address.start is Start.IMPLICIT:
                self._imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                    address.host, address.port, ssl_context=context, timeout=timeout_seconds
                )
            else:
                self._imap = imaplib.IMAP4(address.host, address.port, timeout=timeout_seconds)
                self._imap.starttls(context)
            self._login(address.user, password)
        self._has: frozenset[str] = frozenset(self._imap.capabilities)
        self.tells_vanished = False
        with _told():
            if "ENABLE" in self._has and "QRESYNC" in self._has:
                self._imap.enable("QRESYNC")
                self.tells_vanished = True

    def close(self) -> None:
        """Log out, or just go when that is not possible."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._imap.logout()
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._imap.shutdown()

    def personal_prefix(self) -> str:
        """What all own mailboxes but INBOX begin with, such as `INBOX.`; mostly nothing."""
        return self._namespaces()[0]

    def folders(self) -> list[SourceFolder]:
        """The user's own mailboxes that can be opened, by name."""
        options = " RETURN (SPECIAL-USE)" if {"SPECIAL-USE", "LIST-EXTENDED"} <= self._has else ""
        with _told():
            listed = _listed(self._checked(self._imap.list('""', '"*"' + options)))
            subscribed = {_name_bytes(name) for _, _, name in _listed(self._checked(self._imap.lsub('""', '"*"')))}
        _, foreign = self._namespaces()
        folders = {}
        for attributes, delimiter, name in listed:
            known = {str(each, "ascii", "replace").lower() for each in attributes}
            raw_name = _name_bytes(name)
            is_foreign = any(prefix and raw_name.startswith(prefix.encode()) for prefix in foreign)
            if known & {"\\noselect", "\\nonexistent"} or is_foreign:
                continue
            uses = frozenset(SPECIAL_USE_BY_LOWER[each] for each in known if each in SPECIAL_USE_BY_LOWER)
            divides = delimiter.decode("ascii", "replace") if delimiter else ""
            folders[raw_name] = SourceFolder(raw_name, divides, uses, raw_name in subscribed)
        return [folders[raw_name] for raw_name in sorted(folders)]

    def examine(self, raw_name: bytes) -> Examined:
        """Open a mailbox, for reading only."""
        with _told():
            count = self._checked(self._imap.select(_quoted(raw_name), readonly=True))
            messages = int(count[0] or 0)
            uidnext = self._number("UIDNEXT")
            if not uidnext:  # RFC 3501 section 6.3.1 lets old servers leave it out
                last = self._fetched("*", "(UID)") if messages else {}
                uidnext = max(last, default=0) + 1
            return Examined(self._number("UIDVALIDITY"), uidnext, messages, self._number("HIGHESTMODSEQ", _LAST_MODSEQ))

    def heads(self, uid_set: str) -> list[Head]:
        """Flags, dates and sizes of these UIDs, ascending; UIDs that are gone are left out."""
        with _told():
            found = self._fetched(uid_set, "(UID FLAGS INTERNALDATE RFC822.SIZE)")
            wanted = [uid for uid, items in found.items() if b"RFC822.SIZE" in items]
            return [
                Head(uid, _flags(found[uid]), _date(found[uid].get(b"INTERNALDATE")), int(found[uid][b"RFC822.SIZE"]))
                for uid in sorted(wanted)
            ]

    def flags(self, uid_set: str, changed_since: int = 0) -> dict[int, frozenset[str]]:
        """Flags of these UIDs, or of those that changed since a mod-sequence."""
        with _told():
            modifier = (f"(CHANGEDSINCE {changed_since})",) if changed_since else ()
            found = self._fetched(uid_set, "(UID FLAGS)", *modifier)
        return {uid: _flags(items) for uid, items in found.items() if b"FLAGS" in items}

    def vanished(self, uid_set: str, modseq: int) -> UidSet:
        """Which of these UIDs were expunged since a mod-sequence (RFC 7162 section 3.2.6); needs `tells_vanished`."""
        with _told():
            self._fetched(uid_set, "(UID)", f"(CHANGEDSINCE {modseq} VANISHED)")
            _, answers = self._imap.response("VANISHED")
        pairs = []
        for answer in answers:
            for part in (answer or b"").split()[-1:]:
                for each in part.decode("ascii").split(","):
                    low, _, high = each.partition(":")
                    pairs.append((int(low), int(high or low)))
        return UidSet.of_ranges(pairs)

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Whole messages."""
        with _told():
            found = self._fetched(",".join(map(str, uids)), "(UID BODY.PEEK[])")
        return {uid: items[b"BODY[]"] for uid, items in found.items() if items.get(b"BODY[]") is not None}

    def pieces(self, uid: int) -> Iterator[bytes]:
        """One message bit by bit; nothing at all when it is gone."""
        at = 0
        while True:
            with _told():
                found = self._fetched(str(uid), f"(UID BODY.PEEK[]<{at}.{PIECE_BYTES}>)")
            piece = found.get(uid, {}).get(b"BODY[]<%d>" % at)
            if not piece:
                if at and uid not in found:
                    raise SourceLost("a message was expunged while it was read")
                return
            yield piece
            at += len(piece)
            if len(piece) < PIECE_BYTES:
                return

    # --- within ----------------------------------------------------------------------------------

    def _login(self, user: str, password: Secret[str]) -> None:
        if "AUTH=PLAIN" in self._imap.capabilities:
            self._imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password.reveal()}".encode())
        else:
            self._imap.login(_quoted(user.encode()), password.reveal())
        self._imap.capabilities = tuple(  # those after login are others
            str(self._checked(self._imap.capability())[0], "ascii", "replace").upper().split()
        )

    def _namespaces(self) -> tuple[str, list[str]]:
        """The prefix of the user's own mailboxes, and those of other people's and shared ones."""
        if "NAMESPACE" not in self._has:
            return "", []
        with _told():
            own, *others = parse_response(self._checked(self._imap.namespace()))
        prefixes = [_name_bytes(prefix).decode("ascii", "replace") for group in others for prefix, *_ in group or ()]
        return (_name_bytes(own[0][0]).decode("ascii", "replace") if own else ""), prefixes

    def _fetched(self, uid_set: str, items: str, *modifiers: str) -> dict[int, dict[bytes, Any]]:  # Any: the parser's
        answer = [
            item
            for item in self._checked(self._imap.uid("FETCH", uid_set, items, *modifiers))
            if not (isinstance(item, bytes) and _UNASKED.match(item))
        ]
        return dict(parse_fetch_response(answer, normalise_times=False))

    def _number(self, code: str, most: int = 2**32 - 1) -> int:
        _, values = self._imap.response(code)
        number = int(values[-1]) if values and values[-1] else 0
        if not 0 <= number <= most:
            raise ValueError(f"{code} is beyond what IMAP allows")
        return number

    @staticmethod
    def _checked(answer: tuple[str, list[Any]]) -> list[Any]:  # Any: imaplib's
        kind, data = answer
        if kind != "OK":
            raise imaplib.IMAP4.error(data[-1] if data else kind)
        return data


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What can go wrong, as SourceLost and SourceRefused."""
    try:
        yield
    except imaplib.IMAP4.abort as error:
        raise SourceLost(_text(error)) from error
    except (imaplib.IMAP4.error, IMAPClientError) as error:
        raw = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error).encode()
        raise (SourceLost if _NOT_NOW.search(raw) else SourceRefused)(_text(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise SourceRefused(
            f"its certificate is not trusted: {error.verify_message}; a certificate authority of its own is named "
            "with --ca-file"
        ) from error
    except socket.gaierror as error:
        raise SourceRefused(f"its name is not known: {error.strerror}") from error
    except OSError as error:
        raise SourceLost(error.strerror or str(error) or type(error).__name__) from error
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise SourceRefused(f"it answered what can't be understood: {error}") from error


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return "".join(character if character.isprintable() else "?" for character in text)


def _listed(answer: list[Any]) -> list[tuple[Any, Any, Any]]:  # Any: the parser's
    """(attributes, delimiter, name) of LIST or LSUB."""
    parsed = list(parse_response([item for item in answer if item not in (b"", None)]))
    return [(parsed[at], parsed[at + 1], parsed[at + 2]) for at in range(0, len(parsed) - 2, 3)]


def _name_bytes(name: bytes | int | None) -> bytes:
    """The parser makes numbers of names such as 2019."""
    return name if isinstance(name, bytes) else str(name).encode() if name is not None else b"NIL"


def _quoted(name: bytes) -> str:
    """Raises ValueError for a name that would end the command, and begin another."""
    if any(mark in name for mark in b"\r\n\0"):
        raise ValueError("a name with a line end in it")
    return '"' + name.decode("utf-8").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _flags(items: dict[bytes, Any]) -> frozenset[str]:  # Any: the parser's
    r"""System flags that are kept, and keywords; \Recent is not kept by anybody."""
    found = set()
    for raw in items.get(b"FLAGS") or ():
        text = raw.decode("ascii", "replace") if isinstance(raw, bytes) else str(raw)
        flag = canonical_flag(text) if text.startswith("\\") else keyword(text)
        if flag in SYSTEM_FLAGS or (flag and not flag.startswith("\\")):
            found.add(flag)
    return frozenset(found)


def _date(moment: datetime | None) -> InternalDate | None:
    if moment is None:
        return None
    offset = moment.utcoffset()
    return InternalDate(int(moment.timestamp()), 0 if offset is None else int(offset.total_seconds() // 60))
