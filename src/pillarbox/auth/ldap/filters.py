"""Search filters and DNs that an operator wrote with placeholders (RFC 4515, RFC 4514).

A filter is taken apart first and the values are put in afterwards, as octets: no login name can change its shape.

Must never: put a value into the text of a filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pillarbox.auth.ldap import ber

MAX_DEPTH: Final = 20
PLACES: Final = frozenset({"login", "local", "domain", "dn"})
"""What may stand in braces: the login name, its parts before and after the @, and the DN of the person's entry."""

_PLACE: Final = re.compile(r"\{([a-z]+)\}")
_ATTRIBUTE: Final = r"[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|[0-9]+(?:\.[0-9]+)*"
_ITEM: Final = re.compile(rf"(?P<name>{_ATTRIBUTE})(?P<sign>[~<>]?=)(?P<value>[^()]*)")
_EXTENSIBLE: Final = re.compile(
    rf"(?P<name>{_ATTRIBUTE})?(?P<dn>:dn)?(?::(?P<rule>{_ATTRIBUTE}))?:=(?P<value>[^()]*)", re.IGNORECASE
)
_SIGNS: Final = {"~=": 0xA8, ">=": 0xA5, "<=": 0xA6}
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-")

Values = Mapping[str, bytes]
Encode = Callable[[Values], bytes]


class FilterInvalid(ValueError):
    """Not a filter or DN; the text is for the operator."""


class FilterTemplate:
    """A filter, ready to have values put in.

    filter = LPAREN filtercomp RPAREN; filtercomp = and / or / not / item (RFC 4515 section 3)
    """

    def __init__(self, text: str) -> None:
        """Raises FilterInvalid."""
        self._text = text
        self._encode, end = self._filter(0, 0)
        if end != len(text):
            raise self._wrong("something follows the last parenthesis")

    def fill(self, values: Values) -> bytes:
        """The filter as a search request carries it (RFC 4511 section 4.5.1)."""
        return self._encode(values)

    def _filter(self, at: int, depth: int) -> tuple[Encode, int]:
        if depth > MAX_DEPTH:
            raise self._wrong("its parentheses are too deep")
        if self._text[at : at + 1] != "(":
            raise self._wrong(f"a parenthesis was expected at character {at + 1}")
        sign = self._text[at + 1 : at + 2]
        if sign and sign in "&|!":
            encode, end = self._compound(sign, at + 2, depth)
        else:
            encode, end = self._item(at + 1)
        if self._text[end : end + 1] != ")":
            raise self._wrong(f"a closing parenthesis was expected at character {end + 1}")
        return encode, end + 1

    def _compound(self, sign: str, at: int, depth: int) -> tuple[Encode, int]:
        parts: list[Encode] = []
        while self._text[at : at + 1] == "(":
            part, at = self._filter(at, depth + 1)
            parts.append(part)
        if sign == "!" and len(parts) != 1:
            raise self._wrong("(!...) holds one filter")
        tag = {"&": 0xA0, "|": 0xA1, "!": 0xA2}[sign]
        return lambda values: ber.element(tag, *(part(values) for part in parts)), at

    def _item(self, at: int) -> tuple[Encode, int]:
        if found := _ITEM.match(self._text, at):
            return self._comparison(found["name"].encode(), found["sign"], found["value"]), found.end()
        if (found := _EXTENSIBLE.match(self._text, at)) and (found["name"] or found["rule"]):
            return self._extensible(found), found.end()
        raise self._wrong(f"a comparison such as uid={{login}} was expected at character {at + 1}")

    def _comparison(self, name: bytes, sign: str, value: str) -> Encode:
        if sign != "=":
            exact = self._value(value)
            return lambda values: ber.element(_SIGNS[sign], ber.octets(name), ber.octets(exact(values)))
        if value == "*":
            return lambda values: ber.octets(name, 0x87)
        pieces = [self._value(piece) for piece in value.split("*")]
        if len(pieces) == 1:
            return lambda values: ber.element(0xA3, ber.octets(name), ber.octets(pieces[0](values)))
        return lambda values: _substrings(name, [piece(values) for piece in pieces])

    def _extensible(self, found: re.Match[str]) -> Encode:
        """MatchingRuleAssertion ::= SEQUENCE { matchingRule [1], type [2], matchValue [3], dnAttributes [4] }"""
        before = b""
        if found["rule"]:
            before += ber.octets(found["rule"].encode(), 0x81)
        if found["name"]:
            before += ber.octets(found["name"].encode(), 0x82)
        after = ber.element(0x84, b"\xff") if found["dn"] else b""
        value = self._value(found["value"])
        return lambda values: ber.element(0xA9, before, ber.octets(value(values), 0x83), after)

    def _value(self, text: str) -> Encode:
        """valueencoding = 0*(normal / escaped); escaped = ESC HEX HEX"""
        parts = _PLACE.split(text)
        if unknown := set(parts[1::2]) - PLACES:
            raise self._wrong(f"{{{min(unknown)}}} stands for nothing; there are {_known()}")
        fixed = [self._octets(part) for part in parts[::2]]

        def fill(values: Values) -> bytes:
            between = [values[name] for name in parts[1::2]]
            return b"".join(piece for pair in zip(fixed, [*between, b""], strict=True) for piece in pair)

        return fill

    def _octets(self, text: str) -> bytes:
        head, *escaped = text.split("\\")
        data = head.encode()
        for part in escaped:
            try:
                data += bytes.fromhex(part[:2].ljust(2, "-")) + part[2:].encode()
            except ValueError:
                raise self._wrong("a backslash is followed by two hexadecimal digits") from None
        return data

    def _wrong(self, why: str) -> FilterInvalid:
        return FilterInvalid(f"{self._text!r} is not an LDAP filter: {why}")


class DnTemplate:
    """A DN with placeholders, such as uid={login},ou=people,dc=example,dc=org."""

    def __init__(self, text: str) -> None:
        """Raises FilterInvalid."""
        self._parts = _PLACE.split(text)
        if unknown := set(self._parts[1::2]) - (PLACES - {"dn"}):
            raise FilterInvalid(f"{text!r}: {{{min(unknown)}}} stands for nothing in a DN")
        if "login" not in self._parts[1::2] and "local" not in self._parts[1::2]:
            raise FilterInvalid(f"{text!r} names everybody the same; put {{login}} or {{local}} where the name belongs")

    def fill(self, values: Values) -> bytes:
        """The DN of a person. Everything in a value but letters, digits and harmless signs is escaped by its octets
        (RFC 4514 section 2.4)."""
        return b"".join(
            _dn_escaped(values[part]) if number % 2 else part.encode() for number, part in enumerate(self._parts)
        )


def _substrings(name: bytes, pieces: list[bytes]) -> bytes:
    """SubstringFilter ::= SEQUENCE { type, substrings SEQUENCE OF { initial [0], any [1], final [2] } }"""
    first, *middle, last = pieces
    found = [ber.octets(first, 0x80)] if first else []
    found += [ber.octets(piece, 0x81) for piece in middle if piece]
    found += [ber.octets(last, 0x82)] if last else []
    if not found:
        return ber.octets(name, 0x87)
    return ber.element(0xA4, ber.octets(name), ber.element(ber.SEQUENCE, *found))


def _dn_escaped(value: bytes) -> bytes:
    return b"".join(bytes((octet,)) if octet in _PLAIN else b"\\%02x" % octet for octet in value)


def _known() -> str:
    return ", ".join(f"{{{place}}}" for place in sorted(PLACES))
