r"""A strict reader of what an IMAP server sends, so that two servers can be compared by value.

Strings become `bytes` however they came (quoted, literal, literal8), numbers `int`, NIL `None`, lists `tuple`,
every other atom `str`. Anything that the grammar of RFC 9051 section 9 does not allow raises NotImap: 8-bit or
control bytes in a quoted string, an escape of anything but `\` and `"`, doubled or missing spaces, `()` where an
address list stands is left to the caller. Must never: be lenient, or use any of Pillarbox's own code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Value = str | int | bytes | None | tuple["Value", ...]


class NotImap(ValueError):
    """The server sent something that the grammar doesn't allow."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One `* n FETCH (...)`: items by their upper-case name; section names as the server wrote them, in upper case."""

    number: int
    items: dict[str, Value]


# quoted = DQUOTE *QUOTED-CHAR DQUOTE; TEXT-CHAR is %x01-7F without CR and LF
_QUOTED = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\[\\"])*)"')
# literal = "{" number64 "}" CRLF *CHAR8; literal8 = "~{" ... "}" CRLF *OCTET
_LITERAL = re.compile(rb"~?\{([0-9]+)\}\r\n")
# atom, flag ("\" atom) and the name of a FETCH item up to its section
_ATOM = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]\[]+|\\\*")


class Reader:
    """Reads values one after another from one response."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def at_end(self) -> bool:
        return self.at == len(self.data)

    def expect(self, wanted: bytes) -> None:
        if not self.data.startswith(wanted, self.at):
            raise NotImap(f"expected {wanted!r} at {self._around()}")
        self.at += len(wanted)

    def value(self) -> Value:
        """A string, number, NIL, atom or list."""
        lead = self.data[self.at : self.at + 1]
        if lead == b"(":
            return self._list()
        if lead == b'"':
            return self._quoted()
        if lead in (b"{", b"~"):
            return self._literal()
        return _atom_value(self.atom())

    def values(self) -> tuple[Value, ...]:
        """All that is left, values with one space between them."""
        found: list[Value] = []
        while not self.at_end():
            if found:
                self.expect(b" ")
            found.append(self.value())
        return tuple(found)

    def atom(self) -> str:
        """An atom; a section in brackets behind it belongs to it."""
        match = _ATOM.match(self.data, self.at)
        if match is None:
            raise NotImap(f"no value at {self._around()}")
        self.at = match.end()
        word = match[0].decode("ascii")
        if self.data.startswith(b"[", self.at):
            word += self._section()
        return word

    def _section(self) -> str:
        """`"[" section-spec "]" ["<" number ">"]`, header names read as strings and written bare."""
        start = self.at
        self.at += 1
        header_names: tuple[Value, ...] | None = None
        spec = re.compile(rb"[A-Za-z0-9.]*").match(self.data, self.at)
        assert spec is not None
        self.at = spec.end()
        if self.data.startswith(b" ", self.at):
            self.at += 1
            header_names = self._list()
        self.expect(b"]")
        origin = re.compile(rb"<[0-9]+>").match(self.data, self.at)
        if origin:
            self.at = origin.end()
        if start + 1 > self.at:
            raise NotImap(f"broken section at {self._around()}")
        names = ""
        if header_names is not None:
            texts = [name.decode("ascii") if isinstance(name, bytes) else str(name) for name in header_names]
            names = f" ({' '.join(texts)})"
        return f"[{spec[0].decode()}{names}]{origin[0].decode() if origin else ''}"

    def _list(self) -> tuple[Value, ...]:
        self.expect(b"(")
        found: list[Value] = []
        while not self.data.startswith(b")", self.at):
            # body-type-mpart and env-from put parenthesised things side by side, with no space between.
            beside = bool(found) and isinstance(found[-1], tuple) and self.data.startswith(b"(", self.at)
            if found and not beside:
                self.expect(b" ")
            found.append(self.value())
        self.at += 1
        return tuple(found)

    def _quoted(self) -> bytes:
        match = _QUOTED.match(self.data, self.at)
        if match is None:
            raise NotImap(f"broken quoted string at {self._around()}")
        self.at = match.end()
        return re.sub(rb"\\(.)", rb"\1", match[1])

    def _literal(self) -> bytes:
        match = _LITERAL.match(self.data, self.at)
        if match is None:
            raise NotImap(f"broken literal at {self._around()}")
        end = match.end() + int(match[1])
        if end > len(self.data):
            raise NotImap("literal runs past the response")
        self.at = end
        return self.data[match.end() : end]

    def _around(self) -> str:
        return f"byte {self.at}: {self.data[max(0, self.at - 40) : self.at]!r} >>> {self.data[self.at :][:60]!r}"


def _atom_value(word: str) -> Value:
    if word.upper() == "NIL":
        return None
    return int(word) if word.isdigit() else word


def parse_fetch(response: bytes) -> Fetched | None:
    """The FETCH response in `response` (one untagged response without its last CRLF), or None for another one."""
    head = re.match(rb"\* ([0-9]+) FETCH ", response)
    if head is None:
        return None
    reader = Reader(response)
    reader.at = head.end()
    reader.expect(b"(")
    items: dict[str, Value] = {}
    while True:
        name = reader.atom().upper()
        reader.expect(b" ")
        if name in items:
            raise NotImap(f"{name} comes twice in {response[:200]!r}")
        items[name] = reader.value()
        if reader.data.startswith(b")", reader.at):
            break
        reader.expect(b" ")
    reader.at += 1
    if not reader.at_end():
        raise NotImap(f"bytes after FETCH: {response[reader.at :][:60]!r}")
    return Fetched(int(head[1]), items)
