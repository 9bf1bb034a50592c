r"""One connection to any IMAPS server (RFC 3501, RFC 9051; RFC 2177 IDLE, RFC 6851 MOVE, RFC 4315 UIDPLUS).

Reads and writes with asyncio; IMAPClient's parser reads what FETCH answers.

Must never: speak without verified TLS, put a password into an error, set \Seen, or expunge what others marked.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from imapclient.exceptions import IMAPClientError  # type: ignore[import-untyped]  # ships no types
from imapclient.response_parser import parse_fetch_response  # type: ignore[import-untyped]  # the same

from pillarbox.automation.actions import Action, Deed
from pillarbox.mail.utf7 import encode_utf7
from pillarbox.secret import Secret
from pillarbox.transfer.address import Address

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""The longest is the answer to SEARCH: a million UIDs."""
MAX_MESSAGE_BYTES: Final = 256 * 1024 * 1024
"""Above what any server accepts; it has to fit into memory."""
_LITERAL: Final = re.compile(rb"\{(\d+)\+?\}\r?\n\Z")
_FETCHED: Final = re.compile(rb"\* (\d+) FETCH ", re.IGNORECASE)
_CODE: Final = re.compile(rb"\[([A-Za-z0-9-]+)")
_PATIENCE: Final = frozenset({b"UNAVAILABLE", b"INUSE", b"LIMIT", b"SERVERBUG", b"CONTACTADMIN"})
"""RFC 5530: trying later may help."""

Part = bytes | tuple[bytes, bytes]
Response = list[Part]
"""Lines and literals as imaplib has them: a line that a literal follows stands in a pair with it."""


class Lost(Exception):
    """The connection broke, or the server asks for patience: trying again helps."""


class Refused(Exception):
    """The server says no, or is not who it should be: somebody has to change something."""

    def __init__(self, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.code = code
        """RFC 5530, such as TRYCREATE."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A mailbox when it was opened."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole message."""

    flags: frozenset[str]
    internal_date: datetime | None
    raw: bytes


class Connection:
    """Logged in. Raises Lost and Refused wherever it talks; not to be used by two tasks at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout_seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout_seconds = timeout_seconds
        self._tag = 0
        self._has: frozenset[bytes] = frozenset()
        self._has_news = False
        """The server said that something came, and nobody has looked since."""

    @classmethod
    async def open(cls, address: Address, password: Secret[str], timeout_seconds: float) -> Connection:
        """Connect, verify, log in."""
        async with _told(timeout_seconds):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=address.tls(), limit=MAX_LINE_BYTES, server_hostname=address.host
            )
        connection = cls(reader, writer, timeout_seconds)
        try:
            await connection._begin(address.user, password)
        except BaseException:
            connection.abort()
            raise
        return connection

    def abort(self) -> None:
        """Just go."""
        self._writer.transport.abort()

    @property
    def can_idle(self) -> bool:
        return b"IDLE" in self._has

    async def select(self, mailbox: str, *, read_only: bool) -> Opened:
        """Open a mailbox."""
        answers = await self._command(b"EXAMINE " if read_only else b"SELECT ", _mailbox(mailbox))
        numbers = {
            code: int(found[1])
            for code in (b"UIDVALIDITY", b"UIDNEXT")
            for line in map(_first, answers)
            if (found := re.search(rb"\[" + code + rb" (\d+)", line, re.IGNORECASE))
        }
        if b"UIDVALIDITY" not in numbers:
            raise Refused("it keeps no UIDs for this mailbox")
        uidnext = numbers.get(b"UIDNEXT")
        if uidnext is None:  # RFC 3501 section 6.3.1 lets old servers leave it out
            uidnext = max(await self.uids(1), default=0) + 1
        return Opened(numbers[b"UIDVALIDITY"], uidnext)

    async def uids(self, low: int) -> list[int]:
        """UIDs from `low` on, ascending."""
        found: set[int] = set()
        self._has_news = False  # what is said of the mailbox while the answer is on its way may not be in it
        for line in map(_first, await self._command(b"UID SEARCH UID %d:*" % low)):
            if line.upper().startswith(b"* SEARCH"):
                found.update(int(word) for word in line.split()[2:] if word.isdigit())
        return sorted(uid for uid in found if uid >= low)  # n:* names the last message even if n is above it

    async def fetch(self, uid: int) -> Fetched | None:
        """A message, or None when it is gone."""
        answers = await self._command(b"UID FETCH %d (UID FLAGS INTERNALDATE BODY.PEEK[])" % uid)
        for answer in answers:
            if not _FETCHED.match(_first(answer)):
                continue
            try:
                items = dict(parse_fetch_response(_as_imaplib(answer), normalise_times=False)).get(uid, {})
                raw, flags = items.get(b"BODY[]"), items.get(b"FLAGS") or ()
            except (IMAPClientError, ValueError, TypeError) as error:
                raise Refused("it answered what can't be understood") from error
            if isinstance(raw, bytes):
                names = {flag.decode("ascii", "replace") for flag in flags if isinstance(flag, bytes)}
                return Fetched(frozenset(names - {"\\Recent"}), items.get(b"INTERNALDATE"), raw)
        return None

    async def act(self, action: Action, uid: int) -> None:
        """Move, flag or delete a message; one that is gone is no harm."""
        match action.deed:
            case Deed.FLAG:
                await self._command(b"UID STORE %d +FLAGS.SILENT (%s)" % (uid, action.name.encode("ascii")))
            case Deed.DELETE:
                await self._remove(uid)
            case Deed.MOVE:
                try:
                    await self._move(uid, action.name)
                except Refused as error:
                    if error.code != b"TRYCREATE":
                        raise
                    await self._command(b"CREATE ", _mailbox(action.name))
                    await self._move(uid, action.name)
            case Deed.KEEP:
                pass

    async def wait(self, seconds: float) -> None:
        """IDLE until something is said of the mailbox, or so much time has passed."""
        tag = await self._send(b"IDLE")
        async with _told(self._timeout_seconds):
            await self._read_until_continued(tag)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._has_news:
                    await self._response()
        self._write(b"DONE\r\n")
        await self._answers(tag)

    async def ask(self) -> None:
        """NOOP, where IDLE is not known; and to see whether anybody is there."""
        await self._command(b"NOOP")

    # --- within ----------------------------------------------------------------------------------

    async def _begin(self, user: str, password: Secret[str]) -> None:
        async with _told(self._timeout_seconds):
            greeting = _first(await self._response())
        if not greeting.upper().startswith(b"* OK"):
            raise Lost("the server turns connections away now")
        await self._learn()
        if b"AUTH=PLAIN" in self._has:
            tag = await self._send(b"AUTHENTICATE PLAIN")
            async with _told(self._timeout_seconds):
                await self._read_until_continued(tag)
            self._write(base64.b64encode(f"\0{user}\0{password.reveal()}".encode()) + b"\r\n")
            await self._answers(tag)
        else:
            await self._command(b"LOGIN ", _quoted(user.encode()), b" ", _quoted(password.reveal().encode()))
        await self._learn()

    async def _learn(self) -> None:
        for line in map(_first, await self._command(b"CAPABILITY")):
            if line.upper().startswith(b"* CAPABILITY "):
                self._has = frozenset(line.upper().split()[2:])

    async def _move(self, uid: int, mailbox: str) -> None:
        if b"MOVE" in self._has:
            await self._command(b"UID MOVE %d " % uid, _mailbox(mailbox))
        else:
            await self._command(b"UID COPY %d " % uid, _mailbox(mailbox))
            await self._remove(uid)

    async def _remove(self, uid: int) -> None:
        """Without UIDPLUS it stays, marked: EXPUNGE would take along what others marked."""
        await self._command(b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid)
        if b"UIDPLUS" in self._has or b"IMAP4REV2" in self._has:
            await self._command(b"UID EXPUNGE %d" % uid)

    async def _command(self, *words: bytes) -> list[Response]:
        return await self._answers(await self._send(*words))

    async def _send(self, *words: bytes) -> bytes:
        self._tag += 1
        tag = b"W%d" % self._tag
        self._write(tag + b" " + b"".join(words) + b"\r\n")
        async with _told(self._timeout_seconds):
            await self._writer.drain()
        return tag

    def _write(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise Lost("the connection is closed")
        self._writer.write(data)

    async def _answers(self, tag: bytes) -> list[Response]:
        """The untagged responses until the command is done."""
        answers: list[Response] = []
        while True:
            async with _told(self._timeout_seconds):
                response = await self._response()
            line = _first(response)
            if line.startswith(tag + b" "):
                _check(line.removeprefix(tag + b" "))
                return answers
            answers.append(response)

    async def _read_until_continued(self, tag: bytes) -> None:
        """Up to the "+"."""
        while not (line := _first(await self._response())).startswith(b"+"):
            if line.startswith(tag + b" "):
                _check(line.removeprefix(tag + b" "))
                raise Refused("it ended the command too early")

    async def _response(self) -> Response:
        parts: Response = []
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
                literal = _LITERAL.search(line)
                if literal is None:
                    parts.append(line.rstrip(b"\r\n"))
                    self._has_news |= _is_news(_first(parts))
                    return parts
                if int(literal[1]) > MAX_MESSAGE_BYTES:
                    raise Refused(f"it sent a literal of {int(literal[1])} bytes")
                parts.append((line.rstrip(b"\r\n"), await self._reader.readexactly(int(literal[1]))))
            except asyncio.IncompleteReadError as error:
                raise Lost("the server closed the connection") from error
            except asyncio.LimitOverrunError as error:
                raise Refused("it sent a line that does not end") from error
            except OSError as error:
                raise Lost(error.strerror or type(error).__name__) from error


@asynccontextmanager
async def _told(timeout_seconds: float) -> AsyncIterator[None]:
    """What can go wrong on the way, as Lost and Refused."""
    try:
        async with asyncio.timeout(timeout_seconds):
            yield
    except TimeoutError as error:
        raise Lost(f"no answer within {timeout_seconds:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"its certificate is not trusted: {error.verify_message}; an authority of its own is named with --ca-file"
        ) from error
    except OSError as error:
        raise Lost(error.strerror or str(error) or type(error).__name__) from error


def _check(line: bytes) -> None:
    """OK, or Lost or Refused with what the server says."""
    kind, _, rest = line.partition(b" ")
    if kind.upper() == b"OK":
        return
    found = _CODE.match(rest)
    code = found[1].upper() if found else b""
    text = "".join(each if each.isprintable() else "?" for each in rest.decode("utf-8", "replace"))
    if code in _PATIENCE:
        raise Lost(text)
    raise Refused(text, code)


def _first(response: Sequence[Part]) -> bytes:
    part = response[0]
    line = part[0] if isinstance(part, tuple) else part
    if line.upper().startswith(b"* BYE"):
        return b"* BYE"
    return line


def _is_news(line: bytes) -> bool:
    if line == b"* BYE":
        return True
    words = line.upper().split(maxsplit=3)
    return len(words) >= 3 and words[0] == b"*" and words[2] in (b"EXISTS", b"RECENT")


def _as_imaplib(response: Response) -> Response:
    """`* 5 FETCH (...` -> `5 (...`."""
    part = response[0]
    if isinstance(part, tuple):
        return [(_FETCHED.sub(rb"\1 ", part[0]), part[1]), *response[1:]]
    return [_FETCHED.sub(rb"\1 ", part), *response[1:]]


def _mailbox(name: str) -> bytes:
    return _quoted(encode_utf7(name))


def _quoted(text: bytes) -> bytes:
    if b"\r" in text or b"\n" in text or b"\0" in text:
        raise Refused("a line end can't be part of a name or password")
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
