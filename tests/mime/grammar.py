"""A strict reader of what the digest writes: RFC 3501 and RFC 9051 section 9, nothing more.

Strings come back as bytes, NIL as None, numbers as int, lists as tuples. Raises IllegalOutput.
"""

from __future__ import annotations

import re

Value = None | int | bytes | tuple["Value", ...]

_QUOTED = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"')
_NUMBER = re.compile(rb"0|[1-9][0-9]*")
_LITERAL = re.compile(rb"\{(0|[1-9][0-9]*)\}\r\n")


class IllegalOutput(AssertionError):
    pass


def demand(condition: object, what: object) -> None:
    if not condition:
        raise IllegalOutput(what)


def read(data: bytes) -> Value:
    """One value, with exactly one space between strings and none between parenthesised siblings unless written."""
    values: list[list[Value]] = [[]]
    at = 0
    before = "open"
    """What stands before `at`: "open" parenthesis or beginning, "space", "string", or "close"."""
    while at < len(data):
        around = data[max(0, at - 20) : at + 20]
        byte = data[at : at + 1]
        if byte == b"(":
            demand(before != "string", around)
            values.append([])
            before = "open"
        elif byte == b")":
            demand(len(values) > 1 and before in ("string", "close"), around)
            done = tuple(values.pop())
            values[-1].append(done)
            before = "close"
        elif byte == b" ":
            demand(before in ("string", "close"), around)
            before = "space"
        else:
            demand(before in ("open", "space"), around)
            value, at = _read_string(data, at)
            values[-1].append(value)
            before = "string"
            continue
        at += 1
    demand(len(values) == 1 and len(values[0]) == 1 and before != "space", "unbalanced")
    return values[0][0]


def _read_string(data: bytes, at: int) -> tuple[Value, int]:
    if match := _QUOTED.match(data, at):
        return re.sub(rb"\\(.)", rb"\1", match[1]), match.end()
    if match := _LITERAL.match(data, at):
        end = match.end() + int(match[1])
        literal = data[match.end() : end]
        demand(end <= len(data) and b"\0" not in literal, "literal")
        return literal, end
    if data.startswith(b"NIL", at):
        return None, at + 3
    if match := _NUMBER.match(data, at):
        return int(match[0]), match.end()
    raise IllegalOutput(data[at : at + 40])


def read_envelope(data: bytes) -> tuple[Value, ...]:
    envelope = read(data)
    check_envelope(envelope)
    assert isinstance(envelope, tuple)
    return envelope


def read_body(data: bytes) -> tuple[Value, ...]:
    body = read(data)
    check_body(body)
    assert isinstance(body, tuple)
    return body


def check_envelope(envelope: Value) -> None:
    demand(isinstance(envelope, tuple) and len(envelope) == 10, envelope)
    assert isinstance(envelope, tuple)
    for at in (0, 1, 8, 9):
        _nstring(envelope[at])
    for addresses in envelope[2:8]:
        if addresses is None:
            continue
        demand(isinstance(addresses, tuple) and addresses, addresses)
        assert isinstance(addresses, tuple)
        open_groups = 0
        for address in addresses:
            demand(isinstance(address, tuple) and len(address) == 4, address)
            assert isinstance(address, tuple)
            for word in address:
                _nstring(word)
            if address[3] is None:
                open_groups += 1 if address[2] is not None else -1
                demand(open_groups in (0, 1), addresses)
        demand(open_groups == 0, addresses)


def check_body(body: Value) -> None:
    """Both forms: extension data may be there or not."""
    demand(isinstance(body, tuple) and body, body)
    assert isinstance(body, tuple)
    if isinstance(body[0], tuple):
        parts = [part for part in body if isinstance(part, tuple)]
        children = 0
        while children < len(body) and isinstance(body[children], tuple):
            check_body(body[children])
            children += 1
        demand(len(parts) >= children and children < len(body), body)
        _string(body[children])
        _check_extension(body[children + 1 :], _parameters)
        return
    demand(len(body) >= 7, body)
    major, minor = body[0], body[1]
    _string(major)
    _string(minor)
    demand(major and minor, "empty type")
    _parameters(body[2])
    _nstring(body[3])
    _nstring(body[4])
    _string(body[5])
    _number(body[6])
    rest = body[7:]
    assert isinstance(major, bytes)
    assert isinstance(minor, bytes)
    if major.lower() == b"message" and minor.lower() in (b"rfc822", b"global"):
        demand(len(rest) >= 3, body)
        check_envelope(rest[0])
        check_body(rest[1])
        _number(rest[2])
        rest = rest[3:]
    elif major.lower() == b"text":
        demand(rest, body)
        _number(rest[0])
        rest = rest[1:]
    _check_extension(rest, _nstring)


def _check_extension(rest: tuple[Value, ...], first: object) -> None:
    if not rest:
        return
    demand(len(rest) == 4, rest)
    assert callable(first)
    first(rest[0])
    disposition = rest[1]
    if disposition is not None:
        demand(isinstance(disposition, tuple) and len(disposition) == 2, disposition)
        assert isinstance(disposition, tuple)
        _string(disposition[0])
        _parameters(disposition[1])
    languages = rest[2]
    if isinstance(languages, tuple):
        demand(languages, languages)
        for language in languages:
            _string(language)
    else:
        _nstring(languages)
    _nstring(rest[3])


def _parameters(value: Value) -> None:
    if value is None:
        return
    demand(isinstance(value, tuple) and value and len(value) % 2 == 0, value)
    assert isinstance(value, tuple)
    for word in value:
        _string(word)


def _string(value: Value) -> None:
    demand(isinstance(value, bytes), value)


def _nstring(value: Value) -> None:
    demand(value is None or isinstance(value, bytes), value)


def _number(value: Value) -> None:
    demand(isinstance(value, int) and 0 <= value < 1 << 63, value)
