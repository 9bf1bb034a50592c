"""FETCH responses (RFC 9051 sections 7.5.2 and 9; RFC 3501 section 7.4.2; RFC 7162 MODSEQ)."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.grammar import body
from tests.grammar.reader import Reader
from tests.grammar.tree import FetchValue

_SECTION_BINARY = re.compile(rb"\[(?:[1-9][0-9]*(?:\.[1-9][0-9]*)*)?\]")
_ORIGIN = re.compile(rb"<(?:0|[1-9][0-9]*)>")
_PART = re.compile(rb"[1-9][0-9]*(?:\.[1-9][0-9]*)*")
_NAME = re.compile(rb"[A-Z0-9.]+")


def msg_att(reader: Reader) -> dict[str, FetchValue]:
    """msg-att = "(" (msg-att-dynamic / msg-att-static) *(SP (msg-att-dynamic / msg-att-static)) ")" """
    items: dict[str, FetchValue] = {}
    reader.expect(b"(")
    while True:
        name, value = _item(reader)
        if name in items:
            raise reader.fail(f"an item other than {name}, which was there before,")
        items[name] = value
        if reader.accept(b")"):
            return items
        reader.space()


def _item(reader: Reader) -> tuple[str, FetchValue]:
    """One item and its value.

    msg-att-dynamic = "FLAGS" SP "(" [flag-fetch *(SP flag-fetch)] ")" / "MODSEQ" SP "(" mod-sequence-value ")"
    msg-att-static  = "ENVELOPE" SP envelope / "INTERNALDATE" SP date-time / "RFC822.SIZE" SP number64 /
                      "BODY" ["STRUCTURE"] SP body / "BODY" section ["<" number ">"] SP nstring /
                      "BINARY" section-binary SP (nstring / literal8) / "BINARY.SIZE" section-binary SP number /
                      "UID" SP uniqueid / "RFC822" [".HEADER" / ".TEXT"] SP nstring   (RFC 3501) /
                      "EMAILID" SP "(" objectid ")" / "THREADID" SP ("(" objectid ")" / nil)   (RFC 8474) /
                      "PREVIEW" SP nstring   (RFC 8970) / "SAVEDATE" SP (date-time / nil)   (RFC 8514)
    """
    name = reader.match(_NAME, "a FETCH item in upper case").group().decode("ascii")
    if name == "BODY" and reader.sees(b"["):
        name += section(reader)
        if reader.sees(b"<"):
            name += reader.match(_ORIGIN, "origin octet").group().decode("ascii")
        reader.space()
        return name, reader.nstring()
    if name in ("BINARY", "BINARY.SIZE"):
        read = reader.number if name == "BINARY.SIZE" else None
        name += reader.match(_SECTION_BINARY, "section-binary").group().decode("ascii")
        if read is not None:
            reader.space()
            return name, read()
        if reader.sees(b"<"):
            name += reader.match(_ORIGIN, "origin octet").group().decode("ascii")
        reader.space()
        return name, reader.literal8() if reader.sees(b"~") else reader.nstring()
    if name not in _PLAIN:
        raise reader.fail(f"a FETCH item that an RFC defines, not {name},")
    reader.space()
    return name, _PLAIN[name](reader)


def section(reader: Reader) -> str:
    """section = "[" [section-spec] "]"

    section-spec    = section-msgtext / (section-part ["." section-text])
    section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
    section-text    = section-msgtext / "MIME"
    header-list     = "(" header-fld-name *(SP header-fld-name) ")" ; header-fld-name = astring
    """
    start = reader.at
    reader.expect(b"[")
    if reader.accept(b"]"):
        return "[]"
    in_part = _PART.match(reader.data, reader.at)
    if in_part:
        reader.at = in_part.end()
        if reader.accept(b"]"):
            return reader.data[start : reader.at].decode("ascii")
        reader.expect(b".")
    if reader.accept(b"HEADER.FIELDS"):
        reader.accept(b".NOT")
        reader.space()
        reader.expect(b"(")
        reader.astring()
        while not reader.accept(b")"):
            reader.space()
            reader.astring()
    elif not (reader.accept(b"HEADER") or reader.accept(b"TEXT") or (in_part and reader.accept(b"MIME"))):
        raise reader.fail("section-text")
    reader.expect(b"]")
    return reader.data[start : reader.at].decode("utf-8", "surrogateescape")


def _flags(reader: Reader) -> frozenset[str]:
    reader.expect(b"(")
    names: list[str] = []
    while not reader.accept(b")"):
        if names:
            reader.space()
        names.append(reader.flag_fetch())
    if len({name.lower() for name in names}) != len(names):
        raise reader.fail("each flag once")
    return frozenset(names)


def _modseq(reader: Reader) -> int:
    """fetch-mod-resp = "MODSEQ" SP "(" permsg-modsequence ")" """
    reader.expect(b"(")
    value = reader.modseq()
    reader.expect(b")")
    return value


_PLAIN: dict[str, Callable[[Reader], FetchValue]] = {
    "FLAGS": _flags,
    "MODSEQ": _modseq,
    "ENVELOPE": body.envelope,
    "INTERNALDATE": Reader.date_time,
    "RFC822.SIZE": Reader.number64,
    "RFC822": Reader.nstring,
    "RFC822.HEADER": Reader.nstring,
    "RFC822.TEXT": Reader.nstring,
    "UID": Reader.nz_number,
    "EMAILID": Reader.object_id,
    "THREADID": lambda reader: None if reader.accept(b"NIL") else reader.object_id(),
    "PREVIEW": Reader.nstring,
    "SAVEDATE": lambda reader: None if reader.accept(b"NIL") else reader.date_time(),
    "BODY": lambda reader: body.body(reader, body.Form.BODY),
    "BODYSTRUCTURE": lambda reader: body.body(reader, body.Form.BODYSTRUCTURE),
}
"""New items of later RFCs are one row here."""
