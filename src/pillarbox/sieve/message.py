"""The message that a script looks at: its header as fields that can change, its body as texts.

Must never: raise on any bytes. RFC 5228 sections 2.7.2 and 5, RFC 5293 (editheader), RFC 5173 (body).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from email.header import Header
from typing import Final, NamedTuple

from pillarbox.mime.addresses import read_addresses
from pillarbox.mime.heads import unfold
from pillarbox.mime.html import html_to_text
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.scan import Entity, Kind, scan
from pillarbox.mime.text import decode_header_text, decode_text

_LIMITS: Final = MimeLimits()
_field = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)|[^\n]*+(?:\n|\Z)")
_encoded = re.compile(rb"\\(.)", re.DOTALL)
_control = re.compile("\r\n|[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
"""Never in a field that a script adds; what the standard library takes for the end of a line is among them."""
_LINE: Final = 78


class Field(NamedTuple):
    """One header field."""

    name: str
    """Lower case; empty for a line that is no field."""
    raw: bytes
    """All of it, with the line end."""

    @property
    def raw_value(self) -> bytes:
        return unfold(self.raw).partition(b":")[2].strip(b" \t\r\n")


class MailAddress(NamedTuple):
    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}" if self.domain else self.local_part


class SieveMessage:
    """One message, for one run. `read_body` gives the body's first bytes, when a script asks for them."""

    def __init__(self, raw_header: bytes, size_bytes: int, read_message: Callable[[], bytes]) -> None:
        """`read_message` reads the message, or its beginning, header included."""
        self.size_bytes = size_bytes
        self._raw_header = raw_header
        self._read_message = read_message
        self._fields = [
            Field((match[1] or b"").decode("ascii").lower(), match[0])
            for match in _field.finditer(raw_header.rstrip(b"\r\n") + b"\r\n")
            if match[0]
        ]
        self._message: bytes | None = None
        self._entities: list[Entity] = []

    # --- header ----------------------------------------------------------------------------------

    @property
    def field_count(self) -> int:
        return len(self._fields)

    @property
    def header_bytes(self) -> int:
        return sum(len(field.raw) for field in self._fields)

    @property
    def changed_header(self) -> bytes | None:
        """The header with the empty line behind it, when the script changed it."""
        header = b"".join(field.raw for field in self._fields) + b"\r\n"
        return None if header.rstrip(b"\r\n") == self._raw_header.rstrip(b"\r\n") else header

    def fields(self, name: str) -> list[Field]:
        """All fields of a name, as the header is now."""
        name = name.lower()
        return [field for field in self._fields if field.name == name] if name else []

    def values(self, name: str) -> list[str]:
        """Their values as text: unfolded, decoded, without white space around them."""
        return [decode_header_text(field.raw_value).strip(" \t\r\n") for field in self.fields(name)]

    def add(self, name: str, value: str, at_end: bool) -> None:
        """Add a field. A value that is not ASCII is encoded (RFC 2047), a long one folded."""
        line = _control.sub(" ", value)
        if not line.isascii() or len(name) + len(line) + 2 > _LINE:
            encoded = Header(line, None if line.isascii() else "utf-8", maxlinelen=_LINE, header_name=name)
            line = encoded.encode(linesep="\r\n")
        field = Field(name.lower(), f"{name}: {line}\r\n".encode("ascii", "replace"))
        self._fields.insert(len(self._fields) if at_end else 0, field)

    def delete(self, unwanted: Sequence[Field]) -> None:
        """Delete these very fields."""
        identities = {id(field) for field in unwanted}
        self._fields = [field for field in self._fields if id(field) not in identities]

    # --- body ------------------------------------------------------------------------------------

    def raw_body(self) -> str | None:
        """The body as it stands there; None when the message has none."""
        message, entities = self._scanned()
        start = entities[0].body_start
        if not message[:start].endswith((b"\n\r\n", b"\n\n")) and message[:start] not in (b"\r\n", b"\n"):
            return None
        return message[start:].decode("utf-8", "surrogateescape")

    def body_texts(self) -> Iterator[str]:
        """The text parts, decoded, without HTML's marks."""
        for entity in self._scanned()[1]:
            if entity.kind is Kind.LEAF and entity.content.type.lower() == b"text":
                text = self._decoded(entity)
                yield html_to_text(text) if entity.content.subtype.lower() == b"html" else text

    def body_content(self, types: Sequence[str]) -> Iterator[str]:
        """The parts of these types (RFC 5173 section 5.2)."""
        message, entities = self._scanned()
        for entity in entities:
            major = entity.content.type.decode("latin-1").lower()
            minor = entity.content.subtype.decode("latin-1").lower()
            if not any(wanted in ("", major, f"{major}/{minor}") for wanted in types):
                continue
            if entity.kind is Kind.LEAF:
                yield self._decoded(entity)
            elif entity.kind is Kind.MESSAGE:
                inner = entities[entity.children[0]]
                yield decode_header_text(message[inner.header_start : inner.body_start])
            else:
                yield from self._around_parts(entity)

    def _around_parts(self, entity: Entity) -> Iterator[str]:
        """What stands before and behind the parts of a multipart."""
        message, entities = self._scanned()
        mark = b"--" + (entity.content.parameter(b"boundary") or b"")
        first, last = entities[entity.children[0]], entities[entity.children[-1]]
        for start, end in ((entity.body_start, first.header_start), (last.body_end, entity.body_end)):
            lines = message[start:end].splitlines(keepends=True)
            yield b"".join(line for line in lines if not line.startswith(mark)).decode("utf-8", "replace")

    def _decoded(self, entity: Entity) -> str:
        body = self._scanned()[0][entity.body_start : entity.body_end]
        charset = (entity.content.parameter(b"charset") or b"").decode("latin-1")
        encoding = entity.content.encoding.decode("latin-1").lower()
        if entity.content.type.lower() == b"text":
            return decode_text(body, encoding, charset)
        return decode_text(body, encoding, "utf-8")

    def _scanned(self) -> tuple[bytes, list[Entity]]:
        if self._message is None:
            self._message = self._read_message()
            self._entities = scan(self._message, _LIMITS)
        return self._message, self._entities


def addresses(raw_value: bytes) -> list[MailAddress]:
    """The addresses of a field or of an envelope; names of groups are none."""
    return [
        MailAddress(_unquoted(address.mailbox), address.host.decode("utf-8", "replace"))
        for address in read_addresses(raw_value, _LIMITS.addresses)
        if address.mailbox is not None and address.host is not None
    ]


def _unquoted(local_part: bytes) -> str:
    if local_part[:1] == b'"' and local_part[-1:] == b'"':
        local_part = _encoded.sub(rb"\1", local_part[1:-1])
    return local_part.decode("utf-8", "replace")
