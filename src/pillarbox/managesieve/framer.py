"""Bytes of a client as commands: words, numbers and strings.

Must never: hold more than the limits say; raise on any bytes. RFC 5804 section 4:

    quoted      = DQUOTE *1024QUOTED-CHAR DQUOTE
    literal-c2s = "{" number "+}" CRLF *OCTET
    number      = (NZDIGIT *DIGIT) / "0"

A literal without the plus is taken as one with it, as other servers do.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from pillarbox.managesieve.limits import ManageSieveLimits

_literal = re.compile(rb"\{([0-9]{1,10})\+?\}\Z")
_token = re.compile(rb' ++|"((?:[^"\\\r\n]++|\\.)*+)"|([0-9]{1,10})(?![^ ])|([!#-\'*-\[\]-z|-~]++)', re.DOTALL)
_escaped = re.compile(rb"\\(.)", re.DOTALL)


class Unfit(enum.Enum):
    """Why what came is no command."""

    SYNTAX = "That is no ManageSieve command"
    TOO_LONG = "The string is too long"
    ENDLESS = "The command is too long"
    """Nothing can be read behind it: the connection ends."""


Argument = bytes | int


@dataclass(frozen=True, slots=True)
class Command:
    """What a client sent, up to the end of a line."""

    name: str
    """Upper case; empty for a line of strings, as AUTHENTICATE expects them."""
    arguments: tuple[Argument, ...]


class Framer:
    """Feed it, then pull."""

    __slots__ = ("_buffer", "_literal_bytes", "_pieces", "_skipped", "_too_long")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._pieces: list[tuple[bool, bytes]] = []
        """Of the command that is coming in: whether each is a literal, and its bytes."""
        self._literal_bytes = -1
        """Of the literal that is coming in; -1 for none."""
        self._skipped = 0
        self._too_long = False

    @property
    def unread_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        self._buffer += data

    def pull(self, limits: ManageSieveLimits, literal_bytes: int) -> Command | Unfit | None:
        """The next command; None until it is whole. After ENDLESS nothing more can be read."""
        while True:
            if self._literal_bytes >= 0:
                if not self._read_literal():
                    return None
                continue
            end = self._buffer.find(b"\n", 0, limits.line_bytes + 1)
            if end < 0:
                return Unfit.ENDLESS if len(self._buffer) > limits.line_bytes else None
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            match = _literal.search(line)
            if match is None:
                return self._finish(line, limits)
            if len(self._pieces) >= 2 * limits.arguments:
                return Unfit.ENDLESS
            self._pieces.append((False, line[: match.start()]))
            self._literal_bytes = int(match[1])
            self._too_long = self._too_long or self._literal_bytes > literal_bytes
            self._skipped += self._literal_bytes
            if self._too_long and self._skipped > limits.drain_bytes:
                return Unfit.ENDLESS

    def _read_literal(self) -> bool:
        """Take in the literal, or throw it away when it is too long. False while more of it is to come."""
        if self._too_long:
            gone = min(self._literal_bytes, len(self._buffer))
            del self._buffer[:gone]
            self._literal_bytes -= gone
            if self._literal_bytes:
                return False
        else:
            if len(self._buffer) < self._literal_bytes:
                return False
            self._pieces.append((True, bytes(self._buffer[: self._literal_bytes])))
            del self._buffer[: self._literal_bytes]
        self._literal_bytes = -1
        return True

    def _finish(self, line: bytes, limits: ManageSieveLimits) -> Command | Unfit:
        pieces, too_long = [*self._pieces, (False, line)], self._too_long
        self._pieces, self._too_long, self._skipped = [], False, 0
        if too_long:
            return Unfit.TOO_LONG
        name = ""
        arguments: list[Argument] = []
        for is_literal, piece in pieces:
            if is_literal:
                arguments.append(piece)
                continue
            at = 0
            while at < len(piece):
                match = _token.match(piece, at)
                if match is None:
                    return Unfit.SYNTAX
                at = match.end()
                quoted, number, word = match.groups()
                if quoted is not None:
                    arguments.append(_escaped.sub(rb"\1", quoted))
                elif number is not None:
                    arguments.append(int(number))
                elif word is not None:
                    if name or arguments:
                        return Unfit.SYNTAX
                    name = word.decode("ascii").upper()
        if len(arguments) > limits.arguments or not (name or arguments):
            return Unfit.SYNTAX
        return Command(name, tuple(arguments))
