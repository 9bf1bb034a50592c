r"""LIST and LSUB: which mailboxes there are.

RFC 9051 section 6.3.9, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154 (SPECIAL-USE), RFC 8440
(LIST-MYRIGHTS), RFC 3348 (CHILDREN), RFC 3501 section 6.3.9 (LSUB). Names without a mailbox that have mailboxes below
are not stored: they are seen here, as `\Noselect`, or `\NonExistent` for clients that use the extended LIST or
IMAP4rev2 (never both: the grammar has one of them at most).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.commands.acl import myrights_line
from pillarbox.imap.commands.metadata import listed_metadata, parse_entries
from pillarbox.imap.commands.status import parse_status_items, status_line
from pillarbox.imap.features import Feature
from pillarbox.imap.patterns import ListPattern
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.mail.errors import MailboxMissing, NoPermission
from pillarbox.mail.names import INBOX, SEPARATOR, superiors
from pillarbox.store.contract import Mailbox

_NAMES_PER_TURN = 100
_SELECTION = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
_RETURN = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"})


@dataclass(slots=True)
class _Question:
    """What a LIST asks for."""

    patterns: list[ListPattern]
    asks_separator: bool = False
    selection: frozenset[str] = frozenset()
    extended: bool = False
    wants_subscribed: bool = False
    wants_rights: bool = False
    status_items: Sequence[str] = field(default_factory=tuple)
    entries: Sequence[str] = field(default_factory=tuple)
    """Annotations to tell (RFC 9590)."""


# list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
def _parse_list(cursor: Cursor, session: Session) -> _Question:
    selection: frozenset[str] = frozenset()
    extended = cursor.peek() == b"("
    if extended:
        selection = _parse_selection(cursor)
        cursor.space()
    reference = session.decode_text(cursor.astring())
    cursor.space()
    if cursor.peek() == b"(":
        extended = True
        texts = _parse_patterns(cursor, session)
    else:
        texts = [session.decode_text(cursor.list_mailbox())]
    question = _Question([ListPattern(reference + text) for text in texts], selection=selection, extended=extended)
    question.asks_separator = texts == [""] and not extended
    question.wants_subscribed = "SUBSCRIBED" in selection
    if cursor.skip(b" RETURN ") or cursor.skip(b" return "):
        question.extended = True
        _parse_return(cursor, session, question)
    return question


# list-select-opts = "(" [*(list-select-independent-opt / ... )] ")"; RECURSIVEMATCH needs another option (RFC 5258 3.1)
def _parse_selection(cursor: Cursor) -> frozenset[str]:
    options: set[str] = set()
    cursor.expect(b"(")
    while not cursor.skip(b")"):
        if options:
            cursor.space()
        option = cursor.word()
        if option not in _SELECTION:
            raise BadSyntax("Unknown selection option")
        options.add(option)
    if "RECURSIVEMATCH" in options and not options & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise BadSyntax("RECURSIVEMATCH needs an option such as SUBSCRIBED beside it")
    return frozenset(options)


# patterns = "(" list-mailbox *(SP list-mailbox) ")"
def _parse_patterns(cursor: Cursor, session: Session) -> list[str]:
    cursor.expect(b"(")
    patterns = [session.decode_text(cursor.list_mailbox())]
    while not cursor.skip(b")"):
        cursor.space()
        patterns.append(session.decode_text(cursor.list_mailbox()))
        if len(patterns) > session.services.limits.list_patterns:
            raise BadSyntax("Too many patterns")
    return patterns


# list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
def _parse_return(cursor: Cursor, session: Session, question: _Question) -> None:
    cursor.expect(b"(")
    first = True
    while not cursor.skip(b")"):
        if not first:
            cursor.space()
        first = False
        option = cursor.word()
        if option == "STATUS":
            cursor.space()
            question.status_items = parse_status_items(cursor, session)
        elif option == "METADATA":
            cursor.space()
            question.entries = parse_entries(cursor, session)
        elif option not in _RETURN:
            raise BadSyntax("Unknown return option")
        elif option == "SUBSCRIBED":
            question.wants_subscribed = True
        elif option == "MYRIGHTS":
            question.wants_rights = True


class _Tree:
    """All names of an account: mailboxes, names above them, subscriptions."""

    def __init__(self, mailboxes: Iterable[Mailbox], subscribed: frozenset[str]) -> None:
        self.mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self.subscribed = subscribed
        self.parents = {above for name in self.mailboxes for above in superiors(name)}
        self.names = sorted(self.parents | self.mailboxes.keys(), key=name_order)

    def attributes(self, name: str, absent: str) -> list[str]:
        """What LIST says of a name, in the order of RFC 9051 section 7.3.1; `absent` for one without a mailbox."""
        mailbox = self.mailboxes.get(name)
        found = [] if mailbox else [absent]
        found.append("\\HasChildren" if name in self.parents else "\\HasNoChildren")
        if mailbox:
            found += sorted(mailbox.special_use)
        return found


def name_order(name: str) -> tuple[bool, list[str]]:
    """INBOX and what is below it first, then by level."""
    levels = name.split(SEPARATOR)
    return (levels[0] != INBOX, levels)


async def _tree(session: Session) -> _Tree:
    return _Tree(await session.mail.mailboxes(), await session.mail.subscriptions())


def _line(session: Session, kind: bytes, attributes: Sequence[str], name: str, extended_data: bytes = b"") -> bytes:
    listed = " ".join(attributes).encode("ascii")
    return b'* %b (%b) "/" %b%b\r\n' % (kind, listed, session.encode_name(name), extended_data)


async def _list(session: Session, question: _Question) -> Replies:
    if question.asks_separator:
        yield b'* LIST (\\Noselect) "/" ""\r\n'
        return
    tree = await _tree(session)
    recursive = "RECURSIVEMATCH" in question.selection
    absent = "\\NonExistent" if question.extended or Feature.IMAP4REV2 in session.features else "\\Noselect"
    for count, (name, selected, child_info) in enumerate(_matches(tree, question, recursive=recursive), 1):
        if not count % _NAMES_PER_TURN:
            await asyncio.sleep(0)  # no waiting: one turn for everybody else
        attributes = tree.attributes(name, absent)
        if question.wants_subscribed and name in tree.subscribed:
            attributes.append("\\Subscribed")
        info = b' ("CHILDINFO" ("SUBSCRIBED"))' if child_info else b""
        if selected or child_info:
            yield _line(session, b"LIST", attributes, name, info)
        mailbox = tree.mailboxes.get(name)
        if mailbox is not None and selected:
            yield await _more(session, mailbox, question)


async def _more(session: Session, mailbox: Mailbox, question: _Question) -> bytes:
    """What was asked for beside LIST; nothing of what the client has no right to, and of a mailbox that was deleted
    since the list was taken (RFC 5819 section 2, RFC 8440 section 3)."""
    told = b""
    with contextlib.suppress(MailboxMissing, NoPermission):
        if question.wants_rights:
            told += myrights_line(session, mailbox, await session.mail.rights(mailbox.id))
        if question.entries:
            told += await listed_metadata(session, mailbox, question.entries)
        if question.status_items:
            told += await status_line(session, mailbox, question.status_items)
    return told


def _matches(tree: _Tree, question: _Question, *, recursive: bool) -> Iterable[tuple[str, bool, bool]]:
    """(name, meets the selection, has subscribed names below that the patterns miss)."""
    subscribed_only = "SUBSCRIBED" in question.selection
    names = tree.names
    if subscribed_only:
        above = {up for name in tree.subscribed for up in superiors(name)} if recursive else set()
        names = sorted({*tree.subscribed, *above}, key=name_order)
    for name in names:
        if not any(pattern.matches(name) for pattern in question.patterns):
            continue
        mailbox = tree.mailboxes.get(name)
        selected = not subscribed_only or name in tree.subscribed
        if "SPECIAL-USE" in question.selection:
            selected = selected and mailbox is not None and bool(mailbox.special_use)
        yield name, selected, recursive and subscribed_only and _has_child_info(tree, question, name)


def _has_child_info(tree: _Tree, question: _Question, name: str) -> bool:
    """RFC 5258 section 3.5: descendants meet the selection, but the patterns don't show them."""
    below = name + SEPARATOR
    return any(
        child.startswith(below) and not any(pattern.matches(child) for pattern in question.patterns)
        for child in tree.subscribed
    )


def _parse_lsub(cursor: Cursor, session: Session) -> ListPattern:
    reference = session.decode_text(cursor.astring())
    cursor.space()
    return ListPattern(reference + session.decode_text(cursor.list_mailbox()))


async def _lsub(session: Session, pattern: ListPattern) -> Replies:
    r"""RFC 3501 section 6.3.9: with `%`, a name above a subscribed one that is not subscribed itself is `\Noselect`;
    so is a subscribed name without a mailbox, which can't be selected either."""
    tree = await _tree(session)
    names = set(tree.subscribed)
    if pattern.ends_in_percent:
        names |= {above for name in tree.subscribed for above in superiors(name)}
    for name in sorted(names, key=name_order):
        if not pattern.matches(name):
            continue
        attributes = tree.attributes(name, "\\Noselect")
        if name not in tree.subscribed and name in tree.mailboxes:
            attributes.insert(0, "\\Noselect")
        yield _line(session, b"LSUB", attributes, name)


AREA = Area(
    commands=(
        Command("LIST", LOGGED_IN, _list, "9051 6.3.9", _parse_list),
        Command("LSUB", LOGGED_IN, _lsub, "3501 6.3.9", _parse_lsub),
    ),
    capabilities=(
        Capability("CHILDREN", "3348", LOGGED_IN),
        Capability("LIST-EXTENDED", "5258", LOGGED_IN),
        Capability("LIST-STATUS", "5819", LOGGED_IN),
        Capability("LIST-MYRIGHTS", "8440", LOGGED_IN),
        Capability("SPECIAL-USE", "6154", LOGGED_IN),
    ),
)
