"""Mailbox data: LIST, LSUB, STATUS, SEARCH, ESEARCH, NAMESPACE, FLAGS, and ID.

RFC 9051 sections 7.3 and 9; RFC 3501 section 7.2; RFC 5258 and 6154 (LIST), 4466 and 4731 (ESEARCH),
7162 (MODSEQ), 8438 and 7889 (STATUS items), 2342 (NAMESPACE), 2971 (ID).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.grammar.reader import Reader
from tests.grammar.tree import (
    Change,
    ESearch,
    Flags,
    Identification,
    Listed,
    MailboxStatus,
    Metadata,
    NamespaceEntry,
    Namespaces,
    Numbers,
    Quota,
    QuotaRoot,
    Search,
    Sort,
    Thread,
)

SELECTABILITY = frozenset(["\\NonExistent", "\\Noselect", "\\Marked", "\\Unmarked"])
CHILDREN = frozenset(["\\HasChildren", "\\HasNoChildren"])
OTHER_ATTRIBUTES = frozenset(
    [
        *("\\Noinferiors", "\\Subscribed", "\\Remote", "\\NoAccess"),
        *("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash"),
        *("\\Memos", "\\Scheduled", "\\Snoozed"),
    ]
)


def flags(reader: Reader) -> Flags:
    """mailbox-data = "FLAGS" SP flag-list ; flag-list = "(" [flag *(SP flag)] ")" """
    reader.expect(b" (")
    names: list[str] = []
    while not reader.accept(b")"):
        if names:
            reader.space()
        names.append(reader.flag())
    if len({name.lower() for name in names}) != len(names):
        raise reader.fail("each flag once")
    return Flags(frozenset(names))


def listed(reader: Reader, verb: str) -> Listed:
    """mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    [SP mbox-list-extended]
    """
    reader.space()
    attributes = _attributes(reader)
    reader.space()
    delimiter = reader.delimiter()
    reader.space()
    name = reader.mailbox()
    child_info: frozenset[str] = frozenset()
    old_name: str | None = None
    if verb == "LIST" and reader.accept(b" ("):
        child_info, old_name = _extended(reader)
    return Listed(verb, attributes, delimiter, name, child_info, old_name)


def _attributes(reader: Reader) -> frozenset[str]:
    """mbx-list-flags = *(mbx-list-oflag SP) mbx-list-sflag *(SP mbx-list-oflag) / mbx-list-oflag *(SP mbx-list-oflag)

    One selectability flag at most; "each flag can only appear once"; one child-mbox-flag at most.
    """
    reader.expect(b"(")
    found: list[str] = []
    while not reader.accept(b")"):
        if found:
            reader.space()
        reader.expect(b"\\")
        found.append("\\" + reader.atom())
    names = frozenset(found)
    if len(names) != len(found):
        raise reader.fail("each attribute once")
    unknown = names - SELECTABILITY - CHILDREN - OTHER_ATTRIBUTES
    if unknown:
        raise reader.fail(f"attributes as the RFCs spell them, not {sorted(unknown)},")
    if len(names & SELECTABILITY) > 1:
        raise reader.fail("one of \\NonExistent, \\Noselect, \\Marked and \\Unmarked at most")
    if len(names & CHILDREN) > 1:
        raise reader.fail("one of \\HasChildren and \\HasNoChildren at most")
    return names


def _extended(reader: Reader) -> tuple[frozenset[str], str | None]:
    """mbox-list-extended = "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"

    childinfo-extended-item = "CHILDINFO" SP "(" list-select-base-opt-quoted *(SP list-select-base-opt-quoted) ")"
    oldname-extended-item = "OLDNAME" SP "(" mailbox ")" ; as the client wrote it, so "inbox" is legal here
    """
    child_info: frozenset[str] = frozenset()
    old_name: str | None = None
    seen: set[bytes] = set()
    while True:
        tag = reader.astring()
        reader.expect(b" (")
        if tag in seen:
            raise reader.fail("each extended data item once")
        seen.add(tag)
        if tag == b"CHILDINFO":
            options = [reader.quoted().decode("ascii")]
            while reader.accept(b" "):
                options.append(reader.quoted().decode("ascii"))
            if not set(options) <= {"SUBSCRIBED", "SPECIAL-USE"}:
                raise reader.fail("a selection option in upper case")
            child_info = frozenset(options)
        elif tag == b"OLDNAME":
            old_name = reader.mailbox_as_given()
        else:
            raise reader.fail("CHILDINFO or OLDNAME")
        reader.expect(b")")
        if reader.accept(b")"):
            return child_info, old_name
        reader.space()


def mailbox_status(reader: Reader) -> MailboxStatus:
    """ "STATUS" SP mailbox SP "(" [status-att-list] ")" ; status-att-list = status-att-val *(SP status-att-val)"""
    reader.space()
    name = reader.mailbox()
    reader.expect(b" (")
    values: dict[str, int | str | None] = {}
    while not reader.accept(b")"):
        if values:
            reader.space()
        item = reader.keyword()
        if item not in _STATUS_ITEMS or item in values:
            raise reader.fail(f"a STATUS item that is defined and new, not {item},")
        reader.space()
        values[item] = _STATUS_ITEMS[item](reader)
    return MailboxStatus(name, values)


def _append_limit(reader: Reader) -> int | None:
    """status-att-val =/ "APPENDLIMIT" SP (number / nil) (RFC 7889)"""
    return None if reader.accept(b"NIL") else reader.number()


_STATUS_ITEMS: dict[str, Callable[[Reader], int | str | None]] = {
    "MESSAGES": Reader.number,
    "RECENT": Reader.number,
    "UIDNEXT": Reader.nz_number,
    "UIDVALIDITY": Reader.nz_number,
    "UNSEEN": Reader.number,
    "DELETED": Reader.number,
    "DELETED-STORAGE": Reader.number64,
    "SIZE": Reader.number64,
    "HIGHESTMODSEQ": Reader.number64,
    "APPENDLIMIT": _append_limit,
    "MAILBOXID": Reader.object_id,
}
"""New items of later RFCs are one row here."""


def quota(reader: Reader) -> Quota:
    """quota-response = "QUOTA" SP quota-root-name SP quota-list (RFC 9208 section 7); an empty list: section 4.2.1"""
    reader.space()
    root = reader.astring()
    reader.expect(b" (")
    values: dict[str, tuple[int, int]] = {}
    while not reader.accept(b")"):
        if values:
            reader.space()
        resource = reader.keyword()
        if resource in values or resource not in ("STORAGE", "MESSAGE", "MAILBOX", "ANNOTATION-STORAGE"):
            raise reader.fail("a registered resource, once,")
        reader.space()
        usage = reader.number64()
        reader.space()
        values[resource] = (usage, reader.number64())
    return Quota(root, values)


def quota_root(reader: Reader) -> QuotaRoot:
    """quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)"""
    reader.space()
    name = reader.mailbox()
    roots = []
    while reader.accept(b" "):
        roots.append(reader.astring())
    return QuotaRoot(name, tuple(roots))


def metadata(reader: Reader) -> Metadata:
    """metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list) (RFC 5464 section 5); "" is the server"""
    reader.space()
    name = "" if reader.accept(b'""') else reader.mailbox()
    reader.space()
    values: dict[str, bytes | None] = {}
    if not reader.accept(b"("):
        names = [_entry(reader)]
        while reader.accept(b" "):
            names.append(_entry(reader))
        return Metadata(name, tuple(names))
    while not values or not reader.accept(b")"):
        if values:
            reader.space()
        entry = _entry(reader)
        reader.space()
        if entry in values:
            raise reader.fail("each entry once")
        values[entry] = reader.literal8() if reader.sees(b"~") else reader.nstring()
    return Metadata(name, tuple(values), values)


def _entry(reader: Reader) -> str:
    """entry = astring; section 3.2"""
    name = reader.astring().decode("ascii")
    if not name.startswith(("/private/", "/shared/")) or name.endswith("/") or re.search(r"//|[*%]", name):
        raise reader.fail("an entry's name")
    return name


def search(reader: Reader) -> Search:
    """ "SEARCH" [1*(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]] (RFC 3501, RFC 7162)"""
    numbers: list[int] = []
    modseq: int | None = None
    while reader.accept(b" "):
        if numbers and reader.accept(b"(MODSEQ "):
            modseq = reader.modseq()
            reader.expect(b")")
            break
        numbers.append(reader.nz_number())
    if len(set(numbers)) != len(numbers):
        raise reader.fail("each number once")
    return Search(tuple(numbers), modseq)


def sort(reader: Reader) -> Sort:
    """sort-data = "SORT" *(SP nz-number) [SP search-sort-mod-seq] (RFC 5256, RFC 7162): as in SEARCH"""
    found = search(reader)
    return Sort(found.numbers, found.modseq)


def thread(reader: Reader) -> Thread:
    """thread-data = "THREAD" [SP 1*thread-list] (RFC 5256)

    thread-list = "(" (thread-members / thread-nested) ")"; thread-members = nz-number *(SP nz-number)
    [SP thread-nested]; thread-nested = 2*thread-list. Read without recursion: lists may be nested very deeply.
    """
    if not reader.accept(b" "):
        return Thread("", ())
    start = reader.at
    numbers: list[int] = []
    open_lists: list[tuple[bool, int]] = []
    """Of each list that is not closed: whether it begins with numbers, and how many lists came in it."""
    while True:
        if reader.accept(b"("):
            found = _members(reader)
            numbers += found
            open_lists.append((bool(found), 0))
        elif open_lists and reader.accept(b")"):
            has_numbers, lists = open_lists.pop()
            if lists == 1 or (lists == 0 and not has_numbers):
                raise reader.fail("thread-members, or two lists at least,")
            if open_lists:
                has_numbers, lists = open_lists.pop()
                open_lists.append((has_numbers, lists + 1))
        else:
            break
    if open_lists or reader.at == start or len(set(numbers)) != len(numbers):
        raise reader.fail("whole thread-lists, each number once")
    return Thread(reader.data[start : reader.at].decode("ascii"), tuple(numbers))


def _members(reader: Reader) -> list[int]:
    """[nz-number *(SP nz-number)] with the space behind them when a list follows"""
    numbers: list[int] = []
    while not reader.sees(b"("):
        numbers.append(reader.nz_number())
        if reader.sees(b")"):
            break
        reader.space()
    return numbers


def esearch(reader: Reader) -> ESearch:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)

    search-correlator = SP "(" one-correlator *(SP one-correlator) ")"; one-correlator = "TAG" SP tag-string /
    "MAILBOX" SP astring / "UIDVALIDITY" SP nz-number (RFC 7377): in this order, the last two together
    """
    tag: str | None = None
    about: dict[str, str | int] = {}
    if reader.accept(b" (TAG "):
        tag = reader.astring().decode("ascii")
        if reader.accept(b" MAILBOX "):
            about["MAILBOX"] = reader.mailbox()
            reader.expect(b" UIDVALIDITY ")
            about["UIDVALIDITY"] = reader.nz_number()
        reader.expect(b")")
    values: dict[str, int | Numbers | tuple[int, ...]] = {}
    by_uid = reader.accept(b" UID")
    updates: list[tuple[str, tuple[Change, ...]]] = []
    while reader.accept(b" "):
        item = reader.keyword()
        if item in ("ADDTO", "REMOVEFROM"):
            updates.append((item, _changes(reader)))
            continue
        if item not in _ESEARCH_ITEMS or item in values:
            raise reader.fail(f"a return item that is defined and new, not {item},")
        reader.space()
        values[item] = _ESEARCH_ITEMS[item](reader)
    return ESearch(tag, by_uid, values, tuple(updates), about)


def _changes(reader: Reader) -> tuple[Change, ...]:
    """SP "(" context-position SP sequence-set *(SP context-position SP sequence-set) ")" (RFC 5267 section 5)"""
    reader.expect(b" (")
    changes: list[Change] = []
    while not (changes and reader.accept(b")")):
        if changes:
            reader.space()
        position = reader.number()
        reader.space()
        changes.append(Change(position, reader.numbers()))
    return tuple(changes)


def _partial(reader: Reader) -> Numbers:
    """ret-data-partial = "PARTIAL" SP "(" partial-range SP (sequence-set / nil) ")" (RFC 9394 section 4)"""
    reader.match(_PARTIAL_RANGE, "partial-range")
    found: Numbers = () if reader.accept(b"NIL") else reader.numbers()
    reader.expect(b")")
    return found


def _scores(reader: Reader) -> tuple[int, ...]:
    """score-list = "(" [score *(SP score)] ")"; score = 1*3DIGIT ;; (1 <= n <= 100) (RFC 6203 section 7)"""
    scores: list[int] = []
    reader.expect(b"(")
    while not reader.accept(b")"):
        if scores:
            reader.space()
        score = reader.nz_number()
        if score > 100:
            raise reader.fail("a score up to 100")
        scores.append(score)
    return tuple(scores)


_PARTIAL_RANGE = re.compile(rb"\((?:[1-9][0-9]*:[1-9][0-9]*|-[1-9][0-9]*:-[1-9][0-9]*) ")
_ESEARCH_ITEMS: dict[str, Callable[[Reader], int | Numbers | tuple[int, ...]]] = {
    "MIN": Reader.nz_number,
    "MAX": Reader.nz_number,
    "ALL": Reader.numbers,
    "COUNT": Reader.number,
    "MODSEQ": Reader.modseq,
    "PARTIAL": _partial,
    "RELEVANCY": _scores,
}
"""New return items of later RFCs are one row here."""


def namespaces(reader: Reader) -> Namespaces:
    """namespace-response = "NAMESPACE" SP namespace SP namespace SP namespace"""
    found = []
    for _ in range(3):
        reader.space()
        found.append(_namespace(reader))
    return Namespaces(*found)


def _namespace(reader: Reader) -> tuple[NamespaceEntry, ...] | None:
    """namespace = nil / "(" 1*namespace-descr ")"

    namespace-descr = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil) [namespace-response-extensions] ")"
    """
    if reader.accept(b"NIL"):
        return None
    reader.expect(b"(")
    found: list[NamespaceEntry] = []
    while not (found and reader.accept(b")")):
        reader.expect(b"(")
        prefix = reader.string()
        reader.space()
        found.append(NamespaceEntry(prefix, reader.delimiter()))
        reader.expect(b")")
    return tuple(found)


def identification(reader: Reader) -> Identification:
    """id_response ::= "ID" SPACE id_params_list ; id_params_list ::= "(" #(string SPACE nstring) ")" / nil

    RFC 2971 section 3.3: at most 30 pairs, field names of 30 octets, values of 1024 octets, no field twice.
    """
    reader.space()
    if reader.accept(b"NIL"):
        return Identification(None)
    reader.expect(b"(")
    fields: dict[str, bytes | None] = {}
    while not reader.accept(b")"):
        if fields:
            reader.space()
        name = reader.string().decode("ascii")
        reader.space()
        value = reader.nstring()
        if name.lower() in (known.lower() for known in fields):
            raise reader.fail("each ID field once")
        if len(name) > 30 or len(value or b"") > 1024:
            raise reader.fail("an ID field within its limits")
        fields[name] = value
    if len(fields) > 30:
        raise reader.fail("30 ID fields at most")
    return Identification(fields)
