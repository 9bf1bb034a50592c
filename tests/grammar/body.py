"""ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 sections 7.5.2 and 9, RFC 3501 sections 7.4.2 and 9).

Read without recursion limits of its own beyond Python's: tests nest as deep as the server allows.
"""

from __future__ import annotations

import enum

from tests.grammar.reader import Reader
from tests.grammar.tree import Address, Addresses, Envelope, Extension, Multipart, Parameters, Part


class Form(enum.Enum):
    """Which FETCH item a body is read for."""

    BODY = "BODY"
    """Extension data MUST NOT be returned."""
    BODYSTRUCTURE = "BODYSTRUCTURE"


def envelope(reader: Reader) -> Envelope:
    """envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP
    env-bcc SP env-in-reply-to SP env-message-id ")"
    """
    reader.expect(b"(")
    date = reader.nstring()
    reader.space()
    subject = reader.nstring()
    sent_from, sender, reply_to, to, cc, bcc = (spaced_addresses(reader) for _ in range(6))
    reader.space()
    in_reply_to = reader.nstring()
    reader.space()
    message_id = reader.nstring()
    reader.expect(b")")
    return Envelope(date, subject, sent_from, sender, reply_to, to, cc, bcc, in_reply_to, message_id)


def spaced_addresses(reader: Reader) -> Addresses:
    """SP env-from"""
    reader.space()
    return addresses(reader)


def addresses(reader: Reader) -> Addresses:
    """env-from = "(" 1*address ")" / nil ; no space between addresses, never "()" """
    if reader.accept(b"NIL"):
        return None
    reader.expect(b"(")
    found = [address(reader)]
    while not reader.accept(b")"):
        found.append(address(reader))
    depth = 0
    for one in found:
        if one.host is None:
            depth += 1 if one.mailbox is not None else -1
            if depth not in (0, 1):
                raise reader.fail("groups that open and close in turn")
    if depth:
        raise reader.fail("the end of a group")
    return tuple(found)


def address(reader: Reader) -> Address:
    """address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" """
    reader.expect(b"(")
    name = reader.nstring()
    reader.space()
    route = reader.nstring()
    reader.space()
    mailbox = reader.nstring()
    reader.space()
    host = reader.nstring()
    reader.expect(b")")
    return Address(name, route, mailbox, host)


def body(reader: Reader, form: Form) -> Part | Multipart:
    """body = "(" (body-type-1part / body-type-mpart) ")" """
    reader.expect(b"(")
    found = _multipart(reader, form) if reader.sees(b"(") else _one_part(reader, form)
    reader.expect(b")")
    return found


def _multipart(reader: Reader, form: Form) -> Multipart:
    """body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]

    body-ext-mpart = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
    """
    parts = [body(reader, form)]
    while reader.sees(b"("):
        parts.append(body(reader, form))
    reader.space()
    subtype = _nonempty(reader, "media-subtype")
    if form is Form.BODY or not reader.accept(b" "):
        return Multipart(tuple(parts), subtype)
    fields = parameters(reader)
    return Multipart(tuple(parts), subtype, fields, _extension(reader, None))


def _one_part(reader: Reader, form: Form) -> Part:
    """body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]

    body-type-basic = media-basic SP body-fields ; MESSAGE subtype MUST NOT be "RFC822" or "GLOBAL"
    body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
    body-type-text  = media-text SP body-fields SP body-fld-lines
    body-fields     = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
    """
    media_type = _nonempty(reader, "media type")
    reader.space()
    subtype = _nonempty(reader, "media-subtype")
    reader.space()
    fields = parameters(reader)
    reader.space()
    content_id = reader.nstring()
    reader.space()
    description = reader.nstring()
    reader.space()
    encoding = _nonempty(reader, "body-fld-enc")
    reader.space()
    octets = reader.number()
    kind = media_type.upper(), subtype.upper()
    inner_envelope = inner_body = lines = None
    if kind in ((b"MESSAGE", b"RFC822"), (b"MESSAGE", b"GLOBAL")):
        reader.space()
        inner_envelope = envelope(reader)
        reader.space()
        inner_body = body(reader, form)
    if inner_body is not None or kind[0] == b"TEXT":
        reader.space()
        lines = reader.number64()
    extension = None
    if form is Form.BODYSTRUCTURE and reader.accept(b" "):
        extension = _extension(reader, reader.nstring())
    return Part(
        (media_type, subtype),
        fields,
        content_id,
        description,
        encoding,
        octets,
        lines,
        inner_envelope,
        inner_body,
        extension,
    )


def _nonempty(reader: Reader, due: str) -> bytes:
    value = reader.string()
    if not value:
        raise reader.fail(f"a {due} that is not empty")
    return value


def parameters(reader: Reader) -> Parameters:
    """body-fld-param = "(" string SP string *(SP string SP string) ")" / nil"""
    if reader.accept(b"NIL"):
        return ()
    reader.expect(b"(")
    found: list[tuple[bytes, bytes]] = []
    while True:
        name = _nonempty(reader, "parameter name")
        reader.space()
        found.append((name, reader.string()))
        if reader.accept(b")"):
            return tuple(found)
        reader.space()


def _extension(reader: Reader, md5: bytes | None) -> Extension:
    """[SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]

    body-fld-dsp = "(" string SP body-fld-param ")" / nil. Servers MUST NOT generate body-extension fields.
    """
    disposition = language = location = None
    if reader.accept(b" "):
        if not reader.accept(b"NIL"):
            reader.expect(b"(")
            kind = _nonempty(reader, "disposition type")
            reader.space()
            disposition = (kind, parameters(reader))
            reader.expect(b")")
        if reader.accept(b" "):
            language = _language(reader)
            if reader.accept(b" "):
                location = reader.nstring()
    return Extension(md5, disposition, language, location)


def _language(reader: Reader) -> tuple[bytes, ...] | None:
    """body-fld-lang = nstring / "(" string *(SP string) ")" """
    if not reader.accept(b"("):
        one = reader.nstring()
        return None if one is None else (one,)
    found = [reader.string()]
    while not reader.accept(b")"):
        reader.space()
        found.append(reader.string())
    return tuple(found)
