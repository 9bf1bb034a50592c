"""Tests of header and envelope: address, envelope, exists, header, size (RFC 5228 section 5, RFC 5233, RFC 5260).

Must never: look into the body.
"""

from __future__ import annotations

from typing import Final

from pillarbox.mime.text import decode_header_text
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word
from pillarbox.sieve.words.arguments import (
    ADDRESS_TAGS,
    INDEX_TAGS,
    MATCH_TAGS,
    address_parts,
    check_field_name,
    check_match,
    fields_named,
    matches,
)

_ADDRESS_FIELDS: Final = frozenset((
    "from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc", "resent-bcc",
    "resent-sender", "resent-reply-to", "return-path", "delivered-to", "envelope-to", "x-original-to", "errors-to",
    "disposition-notification-to", "return-receipt-to", "apparently-to", "mail-followup-to", "mail-reply-to",
))  # fmt: skip
_TWO_LISTS: Final = ((Kind.STRINGS, Kind.STRINGS),)


def _check_names(call: Call, checker: Checker) -> None:
    check_match(call, checker)
    for name in call.texts(0):
        check_field_name(name, checker)


def _check_address(call: Call, checker: Checker) -> None:
    _check_names(call, checker)
    for name in call.texts(0):
        if name.constant is not None and name.constant.lower() not in _ADDRESS_FIELDS:
            checker.mistake(name.place, f'"{name.source[:60]}" holds no addresses; use the header test')


def _check_envelope(call: Call, checker: Checker) -> None:
    check_match(call, checker)
    for part in call.texts(0):
        if part.constant is not None and part.constant.lower() not in ("from", "to"):
            checker.mistake(part.place, 'the envelope has "from" and "to" only')


def _header(run: Run, call: Call) -> bool:
    fields = fields_named(run, call, run.expand_all(call.texts(0)))
    values = (decode_header_text(field.raw_value).strip(" \t\r\n") for field in fields)
    return matches(run, call, values, call.texts(1))


def _address(run: Run, call: Call) -> bool:
    names = [name for name in run.expand_all(call.texts(0)) if name.lower() in _ADDRESS_FIELDS]
    raw_values = (field.raw_value for field in fields_named(run, call, names))
    return matches(run, call, address_parts(run, call, raw_values), call.texts(1))


def _envelope(run: Run, call: Call) -> bool:
    parts = {part.lower() for part in run.expand_all(call.texts(0))}
    given = [run.envelope.sender] if "from" in parts else []
    given += [run.envelope.recipient] if "to" in parts else []
    values: list[str] = []
    for address in given:
        raw = address.encode("utf-8", "replace")
        found = list(address_parts(run, call, [raw if b"@" in raw or not raw else raw + b"@"]))
        values += found if address else [""]  # RFC 5228 section 5.4: every part of the null path is empty
    return matches(run, call, values, call.texts(1))


def _exists(run: Run, call: Call) -> bool:
    return all(fields_named(run, call, [name]) for name in run.expand_all(call.texts(0)))


def _size(run: Run, call: Call) -> bool:
    over, under = call.tag_number("over"), call.tag_number("under")
    return run.message.size_bytes > over if over is not None else run.message.size_bytes < (under or 0)


def _check_size(call: Call, checker: Checker) -> None:
    if not call.tags:
        checker.mistake(call.place, "size needs :over or :under with a number, as in size :over 100K")


WORDS = (
    Word("header", "5228 5.7", tags=(*MATCH_TAGS, *INDEX_TAGS), forms=_TWO_LISTS, test=_header, check=_check_names),
    Word(
        "address",
        "5228 5.1",
        tags=(*MATCH_TAGS, *ADDRESS_TAGS, *INDEX_TAGS),
        forms=_TWO_LISTS,
        test=_address,
        check=_check_address,
    ),
    Word(
        "envelope",
        "5228 5.4",
        ("envelope",),
        (*MATCH_TAGS, *ADDRESS_TAGS),
        _TWO_LISTS,
        test=_envelope,
        check=_check_envelope,
    ),
    Word("exists", "5228 5.5", forms=((Kind.STRINGS,),), test=_exists),
    Word(
        "size",
        "5228 5.9",
        tags=(Tag("over", Kind.NUMBER, group="size"), Tag("under", Kind.NUMBER, group="size")),
        test=_size,
        check=_check_size,
    ),
)
