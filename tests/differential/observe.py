"""What one server says about the corpus: fills a mailbox with it and asks for everything that can be asked.

Must never: judge. Comparing is compare.py's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.differential.client import Address, Client, Closed, CommandFailed, Reply, literal
from tests.differential.corpus import Sample
from tests.differential.tokens import NotImap, Value, parse_fetch

WHOLE_ITEMS = b"UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE"
WHOLE_SECTIONS = (
    "",
    "HEADER",
    "TEXT",
    "HEADER.FIELDS (From SUBJECT x-twice)",
    "HEADER.FIELDS (No-Such-Field)",
    "HEADER.FIELDS.NOT (Received From)",
)
OLD_ITEMS = ("RFC822", "RFC822.HEADER", "RFC822.TEXT")
PARTIALS = ("[]<0.7>", "[]<3.20>", "[HEADER]<1.9>", "[TEXT]<0.4>", "[TEXT]<2.100000>", "[1]<1.5>", "[]<4000000.10>")


@dataclass(slots=True)
class Observed:
    """Everything that a server said about one message, by the name of the item."""

    items: dict[str, Value] = field(default_factory=dict)


class Visitor(Client):
    """A logged-in client that comes back when a server hangs up on a question (Dovecot does, on truncated base64)."""

    def __init__(self, server: Address, login: tuple[str, str]) -> None:
        super().__init__(server)
        self._server, self._login = server, login
        self.mailbox = b""
        self.login(*login)

    def examine(self, mailbox: bytes) -> None:
        self.mailbox = mailbox
        self.ok(b"EXAMINE " + mailbox)

    def come_back(self) -> None:
        """Connect anew, to the same mailbox."""
        mailbox = self.mailbox
        self.close()
        self.__init__(self._server, self._login)  # type: ignore[misc]  # a visitor's state is its connection
        self.examine(mailbox)


def fill(client: Visitor, mailbox: bytes, samples: Sequence[Sample]) -> None:
    """Create `mailbox` and append the samples, in order."""
    client.ok(b"CREATE " + mailbox)
    for sample in samples:
        flags = " ".join(sample.flags).encode()
        client.ok(b'APPEND %s (%s) "%s" %s' % (mailbox, flags, sample.internal_date.encode(), literal(sample.content)))
    # Nothing is \Recent in the session that is compared. (CLOSE would expunge what is \Deleted.)
    client.ok(b"SELECT " + mailbox)
    client.ok(b"UNSELECT")
    client.examine(mailbox)


def fetched(reply: Reply) -> Iterator[tuple[int, dict[str, Value]]]:
    """The FETCH responses of a reply, strictly read."""
    for response in reply.untagged:
        found = parse_fetch(response)
        if found is not None:
            yield found.number, found.items


def observe_whole(client: Client, count: int) -> dict[int, Observed]:
    """Items of the whole message, for all messages by number. The UIDs must be 1 to `count`."""
    seen: dict[int, Observed] = {}
    for number, items in fetched(client.ok(b"FETCH 1:* (" + WHOLE_ITEMS + b")")):
        assert items.pop("UID") == number, "a fresh mailbox has UIDs from 1 on"
        flags = items["FLAGS"]
        assert isinstance(flags, tuple)
        items["FLAGS"] = tuple(sorted(str(flag) for flag in flags if flag != "\\Recent"))
        seen[number] = Observed(items)
    assert sorted(seen) == list(range(1, count + 1)), "every message answers once"
    return seen


def observe_sections(client: Visitor, number: int, parts: Sequence[str], observed: Observed) -> None:
    """Every section, partials and decoded parts of one message."""
    names = [f"BODY.PEEK[{section}]" for section in (*WHOLE_SECTIONS, *parts)]
    names += [f"BODY.PEEK{partial}" for partial in PARTIALS]
    for group in (names, OLD_ITEMS):
        reply = client.ok(b"FETCH %d (%s)" % (number, " ".join(group).encode()))
        for _, items in fetched(reply):
            observed.items.update(items)
    for part in parts:
        if part[-1].isdigit():
            _observe_binary(client, number, part, observed)


def _observe_binary(client: Visitor, number: int, part: str, observed: Observed) -> None:
    for item in ("BINARY.PEEK", "BINARY.SIZE"):
        name = f"{item.removesuffix('.PEEK')}[{part}]"
        try:
            reply = client.command(b"FETCH %d (%s[%s])" % (number, item.encode(), part.encode()))
        except Closed:
            observed.items[name] = "hangs up"
            client.come_back()
            continue
        observed.items[name] = f"{reply.status} {reply.code}"
        for _, items in fetched(reply):
            if reply.status == "OK":
                observed.items[name] = items[name]


def section_names(structure: Value, prefix: str = "") -> list[str]:
    """The sections that a BODYSTRUCTURE names: every part n, n.MIME, and of messages n.HEADER and n.TEXT."""
    if not isinstance(structure, tuple):
        raise NotImap(f"not a body: {structure!r}")
    if structure and isinstance(structure[0], tuple):
        found = []
        for index, child in enumerate(structure, 1):
            if not isinstance(child, tuple):
                break
            found += _of_part(child, f"{prefix}{index}")
        return found
    return _of_part(structure, f"{prefix}1", is_root=not prefix)


def _of_part(structure: tuple[Value, ...], number: str, *, is_root: bool = False) -> list[str]:
    found = [number] if is_root else [number, f"{number}.MIME"]
    if structure and isinstance(structure[0], tuple):
        return found + section_names(structure, f"{number}.")
    if _is_message(structure):
        found += [f"{number}.HEADER", f"{number}.TEXT", f"{number}.HEADER.FIELDS (Subject)"]
        inner = structure[8]
        assert isinstance(inner, tuple)
        found += section_names(inner, f"{number}.")
    return found


def _is_message(structure: tuple[Value, ...]) -> bool:
    """body-type-msg: type, subtype, six fields, then an envelope and a body."""
    kind = [word.lower() for word in structure[:2] if isinstance(word, bytes)]
    is_letter = kind in ([b"message", b"rfc822"], [b"message", b"global"])
    return is_letter and len(structure) > 8 and isinstance(structure[7], tuple) and isinstance(structure[8], tuple)


def part_octets(structure: Value, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """The number and size of every part that is no multipart, as a BODYSTRUCTURE says."""
    if not isinstance(structure, tuple):
        raise NotImap(f"not a body: {structure!r}")
    if not _is_multipart(structure):
        yield from _octets_of(structure, f"{prefix}1")
        return
    for index, child in enumerate(structure, 1):
        if not isinstance(child, tuple):
            return
        if _is_multipart(child):
            yield from part_octets(child, f"{prefix}{index}.")
        else:
            yield from _octets_of(child, f"{prefix}{index}")


def _octets_of(structure: tuple[Value, ...], number: str) -> Iterator[tuple[str, Value]]:
    yield number, structure[6]
    if _is_message(structure):
        yield from part_octets(structure[8], f"{number}.")


def _is_multipart(structure: tuple[Value, ...]) -> bool:
    return bool(structure) and isinstance(structure[0], tuple)


def search(client: Client, criteria: bytes) -> frozenset[int] | str:
    """The UIDs that UID SEARCH answers; with RETURN the ESEARCH data as they are; or a refusal as `NO CODE`, `BAD`."""
    reply = client.command(b"UID SEARCH " + criteria)
    if reply.status != "OK":
        return f"{reply.status} {reply.code}".strip()
    lines = [line for line in reply.untagged if line.startswith((b"* SEARCH", b"* ESEARCH"))]
    if len(lines) != 1:
        raise CommandFailed(f"one SEARCH response wanted: {reply.untagged!r}")
    if extended := re.fullmatch(rb'\* ESEARCH \(TAG "T[0-9]+"\) UID( .*|)', lines[0]):
        return extended[1].decode("ascii")
    plain = re.fullmatch(rb"\* SEARCH((?: [0-9]+)*)(?: \(MODSEQ [0-9]+\))?", lines[0])
    if plain is None:
        raise NotImap(f"{criteria!r} -> {lines[0]!r}")
    return frozenset(int(word) for word in plain[1].split())
