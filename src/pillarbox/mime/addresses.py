"""Address lists of From, To and the like, as ENVELOPE shows them.

Must never: raise, recurse, or take more than linear time. Broken addresses show what they have, with Dovecot's
markers for what is missing, since a NIL host would say "group". RFC 5322 sections 3.4 and 4.4:

    address-list = (address *("," address))
    address      = mailbox / group
    mailbox      = [display-name] "<" [route ":"] addr-spec ">" / addr-spec
    group        = display-name ":" [group-list] ";"
    addr-spec    = local-part "@" domain
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pillarbox.mime.wire import NIL, nstring, string

MISSING_MAILBOX: Final = b"MISSING_MAILBOX"
MISSING_DOMAIN: Final = b"MISSING_DOMAIN"


class Address(NamedTuple):
    """One address of ENVELOPE. A group begins with mailbox = its name and host None, and ends with all None."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_GROUP_END: Final = Address(None, None, None, None)

_simple = re.compile(
    rb"""\s*+(?:
        (?:"([^"\\(]*+)"|([^\s"(),:;<>@\[\\\]][^"(),:;<>@\[\\\]]*+)|)     # display name
        \s*+<([^\s"(),:;<>@\[\\\]]++)@([^\s"(),:;<>@\[\\\]]++)>
      | ([^\s"(),:;<>@\[\\\]]++)@([^\s"(),:;<>@\[\\\]]++)
    )\s*+(?:,|\Z)""",
    re.VERBOSE,
).match
"""One usual mailbox with the comma behind it: nearly all there are."""

_token = re.compile(
    rb"""(\s++)
    | ([<>,;:)])
    | (@)(?:\s*+(\[(?:[^\[\]\\]++|\\.)*+\]))?+     # with the domain literal behind it
    | "((?:[^"\\]++|\\.)*+\\?"?)
    | (\()
    | ([^\s"(),:;<>@]++)""",
    re.VERBOSE | re.DOTALL,
).match
_comment_mark = re.compile(rb"[()\\]")
_escaped = re.compile(rb"\\(.)", re.DOTALL)


def read_addresses(value: bytes, limit: int) -> list[Address]:
    """The addresses of an unfolded field value, at most `limit` and the marker that ends a group."""
    addresses: list[Address] = []
    at = 0
    end = len(value)
    while at < end:
        match = _simple(value, at)
        if match is None:
            return _read_list(value, at, limit, addresses)
        quoted, phrase, mailbox, host, bare_mailbox, bare_host = match.groups()
        if bare_mailbox is None:
            addresses.append(Address(_phrase(quoted or phrase or b""), None, mailbox, host))
        else:
            addresses.append(Address(None, None, bare_mailbox, bare_host))
        if len(addresses) >= limit:
            break
        at = match.end()
    return addresses


def write_addresses(addresses: list[Address]) -> bytes:
    """The list as it goes out; NIL, never `()`, when it is empty. RFC 9051 section 9:

    env-from = "(" 1*address ")" / nil
    address  = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
    """
    if not addresses:
        return NIL
    written = [
        b"(%b %b %b %b)"
        % (
            nstring(name),
            NIL if route is None else string(route),
            nstring(mailbox),
            NIL if host is None else string(host),
        )
        for name, route, mailbox, host in addresses
    ]
    return b"(%b)" % b"".join(written)


def _phrase(words: bytes) -> bytes | None:
    """A display name with each run of white space as one space; None when nothing is left."""
    return b" ".join(words.split()) or None


class _Kind(enum.Enum):
    WORD = 1
    SPECIAL = 2
    LITERAL = 3
    """A domain literal; stands only behind "@"."""
    COMMENT = 4


_Tokens = list[tuple[_Kind, bytes]]
_AT: Final = (_Kind.SPECIAL, b"@")


def _tokens(value: bytes, at: int) -> Iterator[tuple[_Kind, bytes]]:
    """The tokens of a field value; white space only divides. Every byte belongs to one."""
    end = len(value)
    while at < end and (match := _token(value, at)):
        at = match.end()
        _space, special, at_sign, literal, quoted, comment, atom = match.groups()
        if atom is not None:
            yield _Kind.WORD, atom
        elif special is not None:
            yield _Kind.SPECIAL, special
        elif at_sign is not None:
            yield _Kind.SPECIAL, at_sign
            if literal is not None:
                yield _Kind.LITERAL, literal
        elif quoted is not None:
            yield from _quoted_words(quoted)
        elif comment is not None:
            text, at = _comment(value, at)
            yield _Kind.COMMENT, text


def _quoted_words(quoted: bytes) -> Iterator[tuple[_Kind, bytes]]:
    """One word; when the closing quote is missing, all the words up to the end, so that they are no local-part."""
    if quoted.endswith(b'"'):
        yield _Kind.WORD, _escaped.sub(rb"\1", quoted[:-1])
    else:
        for word in quoted.split():
            yield _Kind.WORD, word


def _comment(value: bytes, start: int) -> tuple[bytes, int]:
    """The text of the comment whose "(" stands before `start`, and the offset behind it.

    Comments nest; an unclosed one reaches to the end and says nothing.
    """
    depth = 1
    resume = 0
    for mark in _comment_mark.finditer(value, start):
        if mark.start() < resume:
            continue
        if mark[0] == b"\\":
            resume = mark.start() + 2
            continue
        depth += 1 if mark[0] == b"(" else -1
        if depth == 0:
            return _escaped.sub(rb"\1", value[start : mark.start()]), mark.end()
    return b"", len(value)


def _read_list(value: bytes, at: int, limit: int, addresses: list[Address]) -> list[Address]:
    """Read on from `at` when the usual form doesn't fit: token by token, never back."""
    element: _Tokens = []
    in_group = in_angle = in_route = phrase_only = False
    for kind, token in _tokens(value, at):
        special = token if kind is _Kind.SPECIAL else b""
        phrase_only = not element or (phrase_only and element[-1][0] is not _Kind.SPECIAL)
        if special == b"<" and not in_angle:
            in_angle = True
        elif special == b">":
            in_angle = in_route = False
        elif special == b":" and in_angle:
            in_route = False
        elif special == b"@" and in_angle and element[-1] == (_Kind.SPECIAL, b"<"):
            in_route = True
        elif special == b":" and phrase_only and not in_group:
            addresses.append(Address(None, None, _text(element), None))
            in_group = True
            element = []
            continue
        elif special == b";" or (special == b"," and not in_route):
            addresses += _read_element(element)
            if special == b";" and in_group:
                addresses.append(_GROUP_END)
                in_group = False
            element = []
            in_angle = in_route = False
            if len(addresses) >= limit:
                break
            continue
        element.append((kind, token))
    else:
        addresses += _read_element(element)
    if in_group:
        addresses.append(_GROUP_END)
    return addresses


def _text(tokens: _Tokens) -> bytes:
    """Tokens as they may have been written: words divided by spaces, specials close to them."""
    pieces: list[bytes] = []
    after_word = False
    for kind, token in tokens:
        if kind is _Kind.COMMENT:
            continue
        if after_word and kind is _Kind.WORD:
            pieces.append(b" ")
        pieces.append(token)
        after_word = kind is _Kind.WORD
    return b"".join(pieces)


def _read_element(tokens: _Tokens) -> list[Address]:
    """What stands between two commas: no address when there is nothing but comments, else one."""
    comment = None
    for kind, token in tokens:
        if kind is _Kind.COMMENT:
            comment = token
    tokens = [token for token in tokens if token[0] is not _Kind.COMMENT]
    if not tokens:
        return []
    angle = (_Kind.SPECIAL, b"<")
    if angle in tokens:
        opening = tokens.index(angle)
        name = _phrase(_text(tokens[:opening]))
        route, mailbox, host = _read_angle(tokens[opening + 1 :])
    else:
        route, mailbox, host = None, *_read_spec(tokens)
        if mailbox is None and host is None:
            name = _phrase(_text(list(itertools.takewhile(lambda token: token != _AT, tokens))))
        else:
            name = None if comment is None else _phrase(comment)
    return [
        Address(name, route, MISSING_MAILBOX if mailbox is None else mailbox, MISSING_DOMAIN if host is None else host)
    ]


def _read_angle(tokens: _Tokens) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Route, mailbox and host of what follows "<"; what follows ">" is passed over."""
    closing = (_Kind.SPECIAL, b">")
    if closing in tokens:
        tokens = tokens[: tokens.index(closing)]
    colon = (_Kind.SPECIAL, b":")
    route = None
    if tokens[:1] == [_AT] and colon in tokens:
        end = tokens.index(colon)
        route = b"".join(token for _, token in tokens[:end])
        tokens = tokens[end + 1 :]
    return route, *_read_spec(tokens)


def _read_spec(tokens: _Tokens) -> tuple[bytes | None, bytes | None]:
    """Local-part and domain; None for what is missing, or is not words joined by dots."""
    split = tokens.index(_AT) if _AT in tokens else len(tokens)
    local = _dotted(tokens[:split])
    if len(local) < split:
        return None, None
    domain = _dotted(tokens[split + 1 :])
    return (b"".join(local) if local else None), (b"".join(domain) if domain else None)


def _dotted(tokens: _Tokens) -> list[bytes]:
    """The words from the first on that dots join."""
    words: list[bytes] = []
    for kind, token in tokens:
        if kind is _Kind.SPECIAL or (words and not (token.startswith(b".") or words[-1].endswith(b"."))):
            break
        words.append(token)
    return words
