"""URLs that are authorised, and what they lead to (RFC 4467, RFC 5524)."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.grammar import body
from tests.grammar.reader import Reader
from tests.grammar.tree import AuthorisedUrls, FetchedUrl, FetchedUrls, FetchValue

_URL = re.compile(rb"imap://[!-~]+;urlauth=[!-~]+:internal:[0-9a-f]{34,}", re.IGNORECASE)


def generated(reader: Reader) -> AuthorisedUrls:
    """genurlauth-data = "GENURLAUTH" 1*(SP url-full) ; url-full = astring, with a token of 128 bits at least"""
    urls: list[bytes] = []
    while not urls or reader.sees(b" "):
        reader.space()
        url = reader.astring()
        if not _URL.fullmatch(url):
            raise reader.fail("a URL with mechanism and token")
        urls.append(url)
    return AuthorisedUrls(tuple(urls))


def fetched(reader: Reader) -> FetchedUrls | FetchedUrl:
    """urlfetch-data = "URLFETCH" 1*(SP url-full SP nstring) ; RFC 5524: or SP url-full 1*(SP url-metadata-el)"""
    contents: dict[bytes, bytes | None] = {}
    while not contents or reader.sees(b" "):
        reader.space()
        url = reader.astring()
        reader.space()
        if reader.sees(b"("):
            return FetchedUrl(url, _elements(reader))
        contents[url] = reader.nstring()
    return FetchedUrls(contents)


def _elements(reader: Reader) -> dict[str, FetchValue]:
    """url-metadata-el = "(" name SP value ")": BODY nstring, BINARY nstring / literal8, BODYPARTSTRUCTURE body / nil"""
    items: dict[str, FetchValue] = {}
    while True:
        reader.expect(b"(")
        name = reader.keyword()
        if name not in _ELEMENTS or name in items:
            raise reader.fail("BODY, BINARY or BODYPARTSTRUCTURE, each once,")
        reader.space()
        items[name] = None if reader.accept(b"NIL") else _ELEMENTS[name](reader)
        reader.expect(b")")
        if not reader.accept(b" "):
            return items


_ELEMENTS: dict[str, Callable[[Reader], FetchValue]] = {
    "BODY": Reader.nstring,
    "BINARY": lambda reader: reader.literal8() if reader.sees(b"~") else reader.nstring(),
    "BODYPARTSTRUCTURE": lambda reader: body.body(reader, body.Form.BODYSTRUCTURE),
}
