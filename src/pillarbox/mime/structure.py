"""BODYSTRUCTURE and BODY: the tree of entities as IMAP shows it.

Must never: recurse, or write anything illegal. RFC 9051 section 9 (RFC 3501 the same but for message/global):

    body           = "(" (body-type-1part / body-type-mpart) ")"
    body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
    body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
    body-fields    = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
    body-ext-1part = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
    body-ext-mpart = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.mime.content import Content
from pillarbox.mime.parameters import Disposition, Parameters
from pillarbox.mime.scan import Entity, Kind
from pillarbox.mime.wire import NIL, nstring, string


class Structure(NamedTuple):
    bodystructure: bytes
    body: bytes
    """Without extension data."""


def write_structure(entities: Sequence[Entity]) -> Structure:
    """Both forms of the first entity, which all others lie in. Children stand behind their parents."""
    written: dict[int, Structure] = {}
    for index in range(len(entities) - 1, -1, -1):
        entity = entities[index]
        if entity.kind is Kind.MULTIPART:
            written[index] = _write_multipart(entity, [written.pop(child) for child in entity.children])
        elif entity.kind is Kind.MESSAGE:
            (child,) = entity.children
            written[index] = _write_message(entity, entities[child].envelope, written.pop(child))
        else:
            written[index] = _write_leaf(entity)
    return written[0]


def _write_leaf(entity: Entity) -> Structure:
    fields = _write_fields(entity)
    if entity.content.type.lower() == b"text":
        fields = b"%b %d" % (fields, entity.lines)
    return _with_extension(fields, entity.content)


def _write_message(entity: Entity, envelope: bytes, inner: Structure) -> Structure:
    fields = _write_fields(entity)
    full = b"(%b %b %b %d %b)" % (fields, envelope, inner.bodystructure, entity.lines, _write_extension(entity.content))
    return Structure(full, b"(%b %b %b %d)" % (fields, envelope, inner.body, entity.lines))


def _write_multipart(entity: Entity, parts: Sequence[Structure]) -> Structure:
    content = entity.content
    subtype = string(content.subtype)
    extension = b"%b %b" % (_write_parameters(content.parameters), _write_shared_extension(content))
    return Structure(
        b"(%b %b %b)" % (b"".join(part.bodystructure for part in parts), subtype, extension),
        b"(%b %b)" % (b"".join(part.body for part in parts), subtype),
    )


def _write_fields(entity: Entity) -> bytes:
    content = entity.content
    return b"%b %b %b %b %b %b %d" % (
        string(content.type),
        string(content.subtype),
        _write_parameters(content.parameters),
        nstring(content.id),
        nstring(content.description),
        string(content.encoding),
        entity.body_end - entity.body_start,
    )


def _with_extension(fields: bytes, content: Content) -> Structure:
    return Structure(b"(%b %b)" % (fields, _write_extension(content)), b"(%b)" % fields)


def _write_extension(content: Content) -> bytes:
    return b"%b %b" % (nstring(content.md5), _write_shared_extension(content))


def _write_shared_extension(content: Content) -> bytes:
    """Disposition, language and location."""
    languages = content.languages
    return b"%b %b %b" % (
        _write_disposition(content.disposition),
        b"(%b)" % b" ".join(map(string, languages)) if languages else NIL,
        nstring(content.location),
    )


def _write_disposition(disposition: Disposition | None) -> bytes:
    """body-fld-dsp = "(" string SP body-fld-param ")" / nil"""
    if disposition is None:
        return NIL
    return b"(%b %b)" % (string(disposition.type), _write_parameters(disposition.parameters))


def _write_parameters(parameters: Parameters) -> bytes:
    """body-fld-param = "(" string SP string *(SP string SP string) ")" / nil"""
    if not parameters:
        return NIL
    return b"(%b)" % b" ".join([string(text) for pair in parameters for text in pair])
