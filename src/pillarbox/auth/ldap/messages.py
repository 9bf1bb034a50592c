"""The messages of LDAP that a password check needs (RFC 4511 section 4): bind, search, StartTLS, unbind.

Must never: hold a socket.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pillarbox.auth.ldap import ber
from pillarbox.auth.ldap.ber import Malformed
from pillarbox.secret import Secret

_START_TLS: Final = b"1.3.6.1.4.1.1466.20037"
_BIND_RESPONSE: Final = 0x61
_ENTRY: Final = 0x64
_SEARCH_DONE: Final = 0x65
_REFERENCE: Final = 0x73
_EXTENDED_RESPONSE: Final = 0x78
_RESULTS: Final = frozenset({_BIND_RESPONSE, _SEARCH_DONE, _EXTENDED_RESPONSE})


class Scope(enum.IntEnum):
    """How far down a search goes (RFC 4511 section 4.5.1.2)."""

    BASE = 0
    SUBTREE = 2


class ResultCode(enum.IntEnum):
    """Those that mean something to a password check (RFC 4511 appendix A)."""

    SUCCESS = 0
    SIZE_LIMIT_EXCEEDED = 4
    CONSTRAINT_VIOLATION = 19
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS = 50
    UNWILLING_TO_PERFORM = 53


@dataclass(frozen=True, slots=True)
class Result:
    """The end of an operation."""

    number: int
    """Of the message that it answers."""
    code: int
    text: str = field(compare=False)
    """What the server says about it, for the log."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that a search found."""

    number: int
    dn: bytes
    attributes: dict[str, tuple[bytes, ...]]
    """By their names in lower case, without options."""


@dataclass(frozen=True, slots=True)
class Other:
    """Something that nobody here waits for, such as a referral: passed over."""

    number: int


def bind(number: int, dn: bytes, password: Secret[bytes]) -> bytes:
    """BindRequest ::= [APPLICATION 0] SEQUENCE { version (3), name, authentication simple [0] }

    A DN without a password would be an "unauthenticated bind", which succeeds for everybody (RFC 4513 section 5.1.2).
    """
    if bool(dn) != bool(password.reveal()):
        raise ValueError("a bind has a name and a password, or neither")
    return _message(number, 0x60, ber.number(3), ber.octets(dn), ber.octets(password.reveal(), 0x80))


def search(
    number: int, base: bytes, scope: Scope, search_filter: bytes, attributes: Sequence[str], most: int, seconds: int
) -> bytes:
    """SearchRequest ::= [APPLICATION 3] SEQUENCE { baseObject, scope, derefAliases (never), sizeLimit, timeLimit,
    typesOnly, filter, attributes }"""
    return _message(
        number,
        0x63,
        ber.octets(base),
        ber.number(scope, ber.ENUMERATED),
        ber.number(0, ber.ENUMERATED),
        ber.number(most),
        ber.number(seconds),
        ber.element(ber.BOOLEAN, b"\x00"),
        search_filter,
        ber.element(ber.SEQUENCE, *(ber.octets(name.encode()) for name in attributes)),
    )


def start_tls(number: int) -> bytes:
    """ExtendedRequest ::= [APPLICATION 23] SEQUENCE { requestName [0], ... } (RFC 4511 section 4.14)"""
    return _message(number, 0x77, ber.octets(_START_TLS, 0x80))


def unbind(number: int) -> bytes:
    """UnbindRequest ::= [APPLICATION 2] NULL; there is no answer."""
    return _message(number, 0x42)


def parse(data: bytes) -> Result | Entry | Other:
    """LDAPMessage ::= SEQUENCE { messageID, protocolOp CHOICE, controls [0] OPTIONAL }. Raises Malformed."""
    message = ber.parse(data)
    parts = list(message.children()) if message.tag == ber.SEQUENCE else []
    if len(parts) < 2:
        raise Malformed("that is no message")
    number, operation = parts[0].number(), parts[1]
    if operation.tag in _RESULTS:
        return _result(number, operation)
    if operation.tag == _ENTRY:
        return _entry(number, operation)
    return Other(number)


def _result(number: int, operation: ber.Element) -> Result:
    """LDAPResult ::= SEQUENCE { resultCode ENUMERATED, matchedDN, diagnosticMessage, ... }"""
    parts = list(operation.children())
    if len(parts) < 3:
        raise Malformed("that is no result")
    return Result(number, parts[0].number(), parts[2].octets().decode("utf-8", "replace"))


def _entry(number: int, operation: ber.Element) -> Entry:
    """SearchResultEntry ::= SEQUENCE { objectName, attributes SEQUENCE OF SEQUENCE { type, vals SET OF } }"""
    parts = list(operation.children())
    if len(parts) < 2:
        raise Malformed("that is no entry")
    attributes: dict[str, tuple[bytes, ...]] = {}
    for attribute in parts[1].children():
        pair = list(attribute.children())
        if len(pair) < 2:
            raise Malformed("that is no attribute")
        name = pair[0].octets().decode("ascii", "replace").partition(";")[0].lower()
        attributes[name] = attributes.get(name, ()) + tuple(value.octets() for value in pair[1].children())
    return Entry(number, parts[0].octets(), attributes)


def _message(number: int, tag: int, *parts: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.number(number), ber.element(tag, *parts))
