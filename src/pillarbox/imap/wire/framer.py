"""From a byte stream to whole commands: lines and literals, put together before any grammar looks at them.

RFC 9051 section 2.2.1 and 4.3, RFC 7888 (LITERAL+). Sizes are checked before a byte is buffered; a command
that is refused here is discarded whole, so that its literal is never read as commands.

Must never: know a command's meaning (the caller's policy says how large a literal may be).

    command  = *(text [literal]) CRLF
    literal  = ["~"] "{" number64 ["+"] "}" CRLF *CHAR8
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from pillarbox.mail.errors import MailError

_LITERAL: Final = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}$")
_OFFER_BYTES: Final = 40
"""The end of a line that is enough to see whether a literal follows it."""
_TOO_LONG: Final = "The command line is too long"
_TAG: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,128}(?= )')


class Spill(Protocol):
    """Where a large literal goes as it arrives (store.contract.Staged is one)."""

    size_bytes: int

    def write(self, data: bytes | memoryview) -> None: ...

    def pieces(self, size: int) -> Iterator[bytes]: ...

    def discard(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Literal:
    """What a literal held. `binary` when it was a literal8 (`~{n}`)."""

    content: bytes | Spill
    binary: bool


@dataclass(frozen=True, slots=True)
class RawCommand:
    """One whole command: text, literal, text, literal ... text. Always one text more than literals."""

    texts: tuple[bytes, ...]
    literals: tuple[Literal, ...] = ()

    def discard(self) -> None:
        """Let go of spilled literals that nobody took."""
        for literal in self.literals:
            if not isinstance(literal.content, bytes):
                literal.content.discard()


@dataclass(frozen=True, slots=True)
class GoAhead:
    """The client waits for a continuation before it sends its literal."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command was discarded; `tag` is empty when it had none that can be answered."""

    tag: bytes
    text: str
    code: str = ""
    bad: bool = True
    """BAD, or NO when the client did nothing wrong but asked for too much."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """The stream can't be followed any further: say BYE and close."""

    text: str


Event = RawCommand | GoAhead | Rejected | Hopeless


@dataclass(frozen=True, slots=True)
class Room:
    """The policy's answer: the literal may come; into `spill` when that is given, else into memory."""

    spill: Spill | None = None


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The policy's answer: the literal must not come."""

    text: str
    code: str = ""
    bad: bool = True


LiteralPolicy = Callable[[bytes, int, int], Room | NoRoom]
"""Asked with the command's first text, the literal's size and the bytes that the command holds in memory already."""


@dataclass(slots=True)
class FrameLimits:
    """Changed by the owner when the client logs in."""

    line_bytes: int
    drain_bytes: int
    literals: int
    spilled_literals: int


@dataclass(frozen=True, slots=True)
class _Overlong:
    """A line that is dropped. `tail` is its end, empty while that has not come."""

    rejected: Rejected | None
    """None when it was told of before."""
    tail: bytes = b""


@dataclass(slots=True)
class _Partial:
    """A command that has begun."""

    texts: list[bytes] = field(default_factory=list)
    literals: list[Literal] = field(default_factory=list)
    held_bytes: int = 0
    spilled: int = 0
    refused: Rejected | None = None
    """Set when the rest is only read to be dropped."""
    answered: bool = False
    """The client was told of that already."""

    def discard(self) -> None:
        RawCommand((), tuple(self.literals)).discard()


class Framer:
    """Feed it bytes, pull events. What is not pulled waits unparsed, so a mode change (IDLE, AUTHENTICATE)
    applies to everything after the command that caused it."""

    __slots__ = ("_buffer", "_command", "_discarding_line", "_left", "_literal_binary", "_policy", "_scanned", "_sink")

    def __init__(self, policy: LiteralPolicy) -> None:
        self._policy = policy
        self._buffer = bytearray()
        self._scanned = 0
        self._command = _Partial()
        self._discarding_line = False
        self._left = 0
        self._sink: bytearray | bytes | Spill | None = None
        """Where the literal goes; bytes when it was there whole."""
        self._literal_binary = False

    @property
    def unread_bytes(self) -> int:
        """Bytes that wait to be pulled."""
        return len(self._buffer)

    def take_unread(self) -> bytes:
        """Give back what was not pulled: it turns out to be something else (a compressed stream)."""
        unread = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return unread

    def feed(self, data: memoryview) -> None:
        """Take bytes from the client. A literal in progress is written to its place without a detour."""
        if self._left and not self._buffer:
            taken = min(self._left, len(data))
            self._write_literal(data[:taken])
            data = data[taken:]
        self._buffer += data

    def close(self) -> None:
        """Let go of a command that will never be whole."""
        self._command.discard()
        if self._sink is not None and not isinstance(self._sink, bytearray | bytes):
            self._sink.discard()
        self._buffer.clear()

    def pull_line(self, limits: FrameLimits) -> bytes | Rejected | None:
        """The next line as it is, without its CRLF: the answer to a continuation, or DONE."""
        line = self._next_line(limits)
        if isinstance(line, _Overlong):
            told = line.rejected
            return self.pull_line(limits) if told is None else Rejected(b"", told.text, told.code)
        return line

    def pull(self, limits: FrameLimits) -> Event | None:
        """The next event, or None when more bytes are needed."""
        while True:
            if self._left:
                self._take_buffered_literal()
                if self._left:
                    return None
            if self._sink is not None:
                self._end_literal()
            line = self._next_line(limits)
            if line is None:
                return None
            event = self._on_overlong(line, limits) if isinstance(line, _Overlong) else self._on_line(line, limits)
            if event is not None:
                return event

    # --- lines -----------------------------------------------------------------------------------

    def _next_line(self, limits: FrameLimits) -> bytes | _Overlong | None:
        """A line may end in a bare LF: many hand-typed and some old clients send that (Dovecot takes it too)."""
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        if self._discarding_line:
            if end < 0:
                del buffer[:-_OFFER_BYTES]
                self._scanned = len(buffer)
                return None
            self._discarding_line = False
            return _Overlong(None, self._take_tail(end))
        if end < 0 and len(buffer) <= limits.line_bytes:
            self._scanned = len(buffer)
            return None
        self._scanned = 0
        if end < 0 or end > limits.line_bytes:
            rejected = Rejected(_tag_of(bytes(buffer[:200])), _TOO_LONG, "TOOBIG")
            self._discarding_line = end < 0
            return _Overlong(rejected, b"" if end < 0 else self._take_tail(end))
        line = bytes(buffer[: end - 1 if end and buffer[end - 1] == 13 else end])
        del buffer[: end + 1]
        return line

    def _take_tail(self, end: int) -> bytes:
        tail = bytes(self._buffer[max(0, end - _OFFER_BYTES) : end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        self._scanned = 0
        return tail

    def _on_overlong(self, line: _Overlong, limits: FrameLimits) -> Event | None:
        """What the line announces without waiting belongs to it: dropped too, never read as commands."""
        command, self._command = self._command, _Partial()
        command.discard()
        refused = command.refused or line.rejected
        if command.texts and command.refused is None and line.rejected is not None:
            refused = Rejected(_tag_of(command.texts[0]), line.rejected.text, line.rejected.code)
        offer = _offer_of(line.tail)
        if offer is not None and offer[3]:
            self._left = int(offer[2])
            if self._left > limits.drain_bytes:
                return Hopeless(_TOO_LONG)
            dropped = refused or Rejected(b"", _TOO_LONG)
            self._command = _Partial(texts=[b""], refused=dropped, answered=True)
        return None if command.answered else refused

    def _on_line(self, line: bytes, limits: FrameLimits) -> Event | None:
        command = self._command
        offer = _offer_of(line)
        if offer is None:
            self._command = _Partial()
            if command.refused is not None:
                return None if command.answered else command.refused
            return RawCommand((*command.texts, line), tuple(command.literals))
        command.texts.append(line[: offer.start()])
        command.held_bytes += len(line)
        self._literal_binary = bool(offer[1])
        return self._on_offer(int(offer[2]), waits=not offer[3], limits=limits)

    # --- literals --------------------------------------------------------------------------------

    def _on_offer(self, size: int, *, waits: bool, limits: FrameLimits) -> Event | None:
        command = self._command
        answer: Room | NoRoom
        if command.refused is not None:
            answer = NoRoom(command.refused.text)
        elif len(command.literals) >= limits.literals:
            answer = NoRoom("Too many literals in one command", "LIMIT")
        else:
            answer = self._policy(command.texts[0], size, command.held_bytes)
            if isinstance(answer, Room) and answer.spill is not None and command.spilled >= limits.spilled_literals:
                answer.spill.discard()
                answer = NoRoom("Too much for one command; send it in several", "LIMIT", bad=False)
        if isinstance(answer, Room):
            self._left = size
            self._sink = bytearray() if answer.spill is None else answer.spill
            if answer.spill is None:
                command.held_bytes += size
            else:
                command.spilled += 1
            return GoAhead() if waits else None
        refused = command.refused or Rejected(_tag_of(command.texts[0]), answer.text, answer.code, answer.bad)
        command.discard()
        if waits:  # without its go-ahead the client sends neither the literal nor the rest
            self._command = _Partial()
            return None if command.answered else refused
        if size > limits.drain_bytes:
            return Hopeless(refused.text)
        self._command = _Partial(texts=[command.texts[0]], refused=refused, answered=command.answered)
        self._left = size
        return None

    def _write_literal(self, data: memoryview) -> None:
        self._left -= len(data)
        sink = self._sink
        if isinstance(sink, bytearray):
            sink += data
        elif sink is not None and not isinstance(sink, bytes):
            try:
                sink.write(data)
            except MailError as error:
                sink.discard()
                self._sink = None
                self._command.discard()
                self._command = _Partial(
                    texts=self._command.texts[:1],
                    refused=Rejected(_tag_of(self._command.texts[0]), str(error), "UNAVAILABLE", bad=False),
                )

    def _take_buffered_literal(self) -> None:
        buffer = self._buffer
        taken = min(self._left, len(buffer))
        if taken:
            with memoryview(buffer) as view, view[:taken] as part:
                if taken == self._left and self._sink == b"":  # all of it is here: one copy instead of two
                    self._sink, self._left = bytes(part), 0
                else:
                    self._write_literal(part)
            del buffer[:taken]
        self._scanned = 0

    def _end_literal(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None and self._command.refused is None:
            content = bytes(sink) if isinstance(sink, bytearray) else sink
            self._command.literals.append(Literal(content, self._literal_binary))


def _offer_of(line: bytes) -> re.Match[bytes] | None:
    """The literal that a line's end announces. Looked for from the end: a third of what a search takes."""
    if not line.endswith(b"}"):
        return None
    brace = line.rfind(b"{")
    return _LITERAL.match(line, brace - line.startswith(b"~", brace - 1, brace)) if brace >= 0 else None


def _tag_of(text: bytes) -> bytes:
    found = _TAG.match(text)
    return found[0] if found else b""
