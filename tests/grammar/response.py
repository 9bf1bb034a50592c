"""Whole responses: from the octets of one to its typed value, and from a stream of octets to single responses.

RFC 9051 section 9 (greeting, response, response-data, continue-req), RFC 7162 (VANISHED).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.grammar import acl, fetch, mailbox, status, urlauth
from tests.grammar.reader import Dialect, GrammarError, Reader
from tests.grammar.tree import (
    Capabilities,
    Continuation,
    Enabled,
    Exists,
    Expunge,
    Fetch,
    Languages,
    Recent,
    Response,
    Status,
    Vanished,
)

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?=\r\n)")
_LITERAL_AHEAD = re.compile(rb"\{([0-9]+)\}\r\n\Z")


def parse_greeting(raw: bytes) -> Status:
    """greeting = "*" SP (resp-cond-auth / resp-cond-bye) CRLF"""
    found = parse_response(raw)
    if not isinstance(found, Status) or found.tag is not None or found.condition not in ("OK", "PREAUTH", "BYE"):
        raise GrammarError(f"a greeting was due, not {raw!r}")
    return found


def parse_response(raw: bytes, dialect: Dialect = Dialect.ASCII) -> Response:
    """response = *(continue-req / response-data) response-done: one of them, CRLF included.

    Raises GrammarError for anything that the grammar does not allow.
    """
    reader = Reader(raw, dialect)
    if reader.accept(b"+"):
        found: Response = _continuation(reader)
    elif reader.accept(b"* "):
        found = _untagged(reader)
    else:
        tag = reader.tag()
        reader.space()
        found = status.status(reader, tag)
    reader.end()
    return found


def _continuation(reader: Reader) -> Continuation:
    """continue-req = "+" SP (resp-text / base64) CRLF"""
    reader.space()
    base64 = _BASE64.match(reader.data, reader.at)
    if base64:
        reader.at = base64.end()
        return Continuation(base64.group().decode("ascii"))
    _, text = status.resp_text(reader)
    return Continuation(text)


def _untagged(reader: Reader) -> Response:
    """response-data = "*" SP (resp-cond-state / resp-cond-bye / mailbox-data / message-data / capability-data /
    enable-data) CRLF
    """
    if reader.data[reader.at : reader.at + 1].isdigit():
        return _numbered(reader)
    if any(reader.sees(condition + b" ") for condition in status.CONDITIONS):
        return status.status(reader, None)
    word = reader.keyword()
    if word not in _DATA:
        raise reader.fail(f"a response that an RFC defines, not {word},")
    return _DATA[word](reader)


def _numbered(reader: Reader) -> Response:
    """message-data = nz-number SP ("EXPUNGE" / ("FETCH" SP msg-att)) ; number SP ("EXISTS" / "RECENT")

    RFC 9586: message-data =/ uniqueid SP "UIDFETCH" SP msg-att, without UID
    """
    start = reader.at
    number = reader.number()
    reader.space()
    word = reader.keyword()
    if word in ("EXISTS", "RECENT"):
        return Exists(number) if word == "EXISTS" else Recent(number)
    if word not in ("EXPUNGE", "FETCH", "UIDFETCH"):
        raise reader.fail("EXISTS, RECENT, EXPUNGE, FETCH or UIDFETCH")
    if reader.data[start : start + 1] == b"0":
        raise reader.fail("nz-number")
    if word == "EXPUNGE":
        return Expunge(number)
    reader.space()
    items = fetch.msg_att(reader)
    if word == "UIDFETCH" and "UID" in items:
        raise reader.fail("UIDFETCH without UID among its items")
    return Fetch(number, items, by_uid=word == "UIDFETCH")


def _enabled(reader: Reader) -> Enabled:
    """enable-data = "ENABLED" *(SP capability)"""
    names: list[str] = []
    while reader.accept(b" "):
        names.append(reader.atom())
    return Enabled(tuple(names))


def _vanished(reader: Reader) -> Vanished:
    """expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids (RFC 7162 section 7)"""
    earlier = reader.accept(b" (EARLIER)")
    reader.space()
    return Vanished(earlier, reader.numbers())


def _language(reader: Reader) -> Languages:
    """language-data = "LANGUAGE" SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")" ; astring (RFC 5255 section 3.5)"""
    reader.expect(b" (")
    tags = [reader.astring()]
    while not reader.accept(b")"):
        reader.space()
        tags.append(reader.astring())
    return Languages(tuple(tag.decode("ascii") if isinstance(tag, bytes) else tag for tag in tags))


_DATA: dict[str, Callable[[Reader], Response]] = {
    "CAPABILITY": lambda reader: Capabilities(tuple(status.capability_names(reader))),
    "ENABLED": _enabled,
    "FLAGS": mailbox.flags,
    "LIST": lambda reader: mailbox.listed(reader, "LIST"),
    "LSUB": lambda reader: mailbox.listed(reader, "LSUB"),
    "STATUS": mailbox.mailbox_status,
    "METADATA": mailbox.metadata,
    "QUOTA": mailbox.quota,
    "QUOTAROOT": mailbox.quota_root,
    "SEARCH": mailbox.search,
    "ESEARCH": mailbox.esearch,
    "SORT": mailbox.sort,
    "THREAD": mailbox.thread,
    "ACL": acl.access_list,
    "LISTRIGHTS": acl.grantable,
    "MYRIGHTS": acl.my_rights,
    "NAMESPACE": mailbox.namespaces,
    "ID": mailbox.identification,
    "LANGUAGE": _language,
    "GENURLAUTH": urlauth.generated,
    "URLFETCH": urlauth.fetched,
    "VANISHED": _vanished,
}
"""New untagged responses of later RFCs are one row here."""


class ResponseSplitter:
    """Cuts what a server sends into single responses, literals and their line ends included."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._scanned = 0
        """Octets at the front of `_pending` known to belong to the response that is being collected."""

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Take more octets; return the responses that are whole now."""
        self._pending += data
        whole: list[bytes] = []
        while True:
            end = self._pending.find(b"\r\n", self._scanned)
            if end < 0:
                return whole
            literal = _LITERAL_AHEAD.search(self._pending, max(self._scanned, end - 24), end + 2)
            if literal:
                if len(self._pending) < end + 2 + int(literal.group(1)):
                    return whole
                self._scanned = end + 2 + int(literal.group(1))
                continue
            whole.append(bytes(self._pending[: end + 2]))
            del self._pending[: end + 2]
            self._scanned = 0

    @property
    def rest(self) -> bytes:
        """What has come of a response that is not whole yet."""
        return bytes(self._pending)
