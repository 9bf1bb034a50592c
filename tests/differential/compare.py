"""Where two servers differ about one message, as a list of kinds that people can read and docs/differences.md can name.

A kind is `ASPECT in FAMILY`, such as `envelope from in bad-addresses` or `search TEXT in attachments`.
Must never: forgive anything that docs/differences.md doesn't list, except what cannot be compared (bare_newlines).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path

from tests.differential.corpus import Sample
from tests.differential.observe import Observed
from tests.differential.tokens import Value

ENVELOPE_FIELDS = ["date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id"]
COMMON_FIELDS = ("type", "subtype", "parameters", "id", "description", "encoding", "octets")
EXTENSION_FIELDS = ("md5", "disposition", "language", "location")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two servers answer differently about one message."""

    aspect: str
    family: str
    sample: str
    ours: object
    theirs: object

    @property
    def kind(self) -> str:
        return f"{self.aspect} in {self.family}"


Pair = tuple[str, object, object]
"""An aspect, our value, their value."""


def compare_message(sample: Sample, ours: Observed, theirs: Observed) -> list[Difference]:
    """Everything in which two observations of one message differ."""
    found = []
    for aspect, our_value, their_value in _pairs(ours, theirs):
        if sample.has_bare_newlines:
            if _is_size(aspect):
                continue
            our_value, their_value = _with_crlf(our_value), _with_crlf(their_value)
        if our_value != their_value:
            found.append(Difference(aspect, sample.family, sample.name, our_value, their_value))
    return found


def _is_size(aspect: str) -> bool:
    """Sizes and offsets of a message with bare newlines: Dovecot counts them as CRLF, Pillarbox keeps the bytes."""
    return aspect.endswith(("octets", "rfc822.size", "binary.size")) or aspect.startswith("partial")


def _with_crlf(value: object) -> object:
    """Dovecot sends every LF as CRLF: bytes are compared with both sides so."""
    return re.sub(rb"\r?\n", b"\r\n", value) if isinstance(value, bytes) else value


def _pairs(ours: Observed, theirs: Observed) -> Iterator[Pair]:
    for name in sorted(ours.items.keys() | theirs.items.keys()):
        our_value, their_value = ours.items.get(name, "absent"), theirs.items.get(name, "absent")
        if name == "ENVELOPE":
            yield from _envelope_pairs("envelope", our_value, their_value)
        elif name in ("BODY", "BODYSTRUCTURE"):
            yield from _body_pairs(name.lower(), our_value, their_value)
        elif name == "INTERNALDATE":
            yield from _date_pairs(our_value, their_value)
        else:
            yield _aspect_of(name), our_value, their_value


def _aspect_of(name: str) -> str:
    """`BODY[1.2.MIME]` -> `section MIME`, `BODY[]<3>` -> `partial`, `BINARY.SIZE[2]` -> `binary.size`."""
    if name.endswith(">"):
        return "partial"
    match = re.fullmatch(r"(BODY|BINARY|BINARY\.SIZE)\[([0-9.]*)(.*)\]", name)
    if match is None:
        return name.lower()
    if match[1] != "BODY":
        return match[1].lower()
    if not match[2] and not match[3]:
        return "section whole"
    return f"section {match[3].split(' ')[0]}" if match[3] else "section part"


def _envelope_pairs(aspect: str, ours: Value, theirs: Value) -> Iterator[Pair]:
    if not (isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs) == 10):
        yield f"{aspect} shape", ours, theirs
        return
    for field, our_value, their_value in zip(ENVELOPE_FIELDS, ours, theirs, strict=True):
        yield f"{aspect} {field}", our_value, their_value


def _date_pairs(ours: Value, theirs: Value) -> Iterator[Pair]:
    moments = []
    for value in (ours, theirs):
        assert isinstance(value, bytes), value
        moments.append(datetime.strptime(value.decode(), "%d-%b-%Y %H:%M:%S %z"))
    yield "internaldate instant", moments[0].timestamp(), moments[1].timestamp()
    yield "internaldate zone", str(moments[0].tzinfo), str(moments[1].tzinfo)


def _is_multipart(body: Value) -> bool:
    return isinstance(body, tuple) and bool(body) and isinstance(body[0], tuple)


def _body_pairs(aspect: str, ours: Value, theirs: Value) -> Iterator[Pair]:
    """Field by field; a different number or kind of parts is one difference, `shape`, and ends the walk there."""
    if not isinstance(ours, tuple) or not isinstance(theirs, tuple) or _is_multipart(ours) != _is_multipart(theirs):
        yield f"{aspect} shape", ours, theirs
    elif _is_multipart(ours):
        yield from _multipart_pairs(aspect, ours, theirs)
    else:
        yield from _single_pairs(aspect, ours, theirs)


def _multipart_pairs(aspect: str, ours: tuple[Value, ...], theirs: tuple[Value, ...]) -> Iterator[Pair]:
    our_children = [part for part in ours if isinstance(part, tuple) and _is_body(part)]
    their_children = [part for part in theirs if isinstance(part, tuple) and _is_body(part)]
    if len(our_children) != len(their_children):
        yield f"{aspect} shape", ours, theirs
        return
    for our_part, their_part in zip(our_children, their_children, strict=True):
        yield from _body_pairs(aspect, our_part, their_part)
    rest = (ours[len(our_children) :], theirs[len(their_children) :])
    fields = ("subtype", "parameters", "disposition", "language", "location")
    yield from _field_pairs(aspect, fields, *rest)


def _is_body(value: tuple[Value, ...]) -> bool:
    """A part begins with a part or with type and subtype; a parameter list has an even number of strings."""
    return isinstance(value[0], tuple) or (len(value) >= 7 and isinstance(value[6], int))


def _single_pairs(aspect: str, ours: tuple[Value, ...], theirs: tuple[Value, ...]) -> Iterator[Pair]:
    yield from _field_pairs(aspect, COMMON_FIELDS, ours[:7], theirs[:7])
    our_rest, their_rest = ours[7:], theirs[7:]
    if our_rest and their_rest and isinstance(our_rest[0], tuple) and isinstance(their_rest[0], tuple):
        if len(our_rest) < 3 or len(their_rest) < 3:
            yield f"{aspect} shape", ours, theirs
            return
        yield from _envelope_pairs(f"{aspect} envelope", our_rest[0], their_rest[0])
        yield from _body_pairs(aspect, our_rest[1], their_rest[1])
        our_rest, their_rest = our_rest[2:], their_rest[2:]
    fields = ("lines", *EXTENSION_FIELDS) if our_rest and isinstance(our_rest[0], int) else EXTENSION_FIELDS
    yield from _field_pairs(aspect, fields, our_rest, their_rest)


def _field_pairs(
    aspect: str, fields: tuple[str, ...], ours: tuple[Value, ...], theirs: tuple[Value, ...]
) -> Iterator[Pair]:
    for field, our_value, their_value in zip_longest(fields, ours, theirs, fillvalue="absent"):
        yield f"{aspect} {field}", _folded(field, our_value), _folded(field, their_value)


def _folded(field: str, value: Value) -> Value:
    """Without the case of what is case-insensitive (RFC 2045 sections 5.1 and 6.1, RFC 2183 section 2)."""
    if field in ("type", "subtype", "encoding") and isinstance(value, bytes):
        return value.lower()
    if field == "parameters" and isinstance(value, tuple):
        return tuple(_lower(text) if index % 2 == 0 else text for index, text in enumerate(value))
    if field == "disposition" and isinstance(value, tuple):
        return (_lower(value[0]), *(_folded("parameters", part) for part in value[1:]))
    return value


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, bytes) else value


# --- the list of differences that are meant --------------------------------------------------------


def listed_kinds(document: Path) -> list[str]:
    """The patterns of docs/differences.md: the backticked first cell of every table row that contains ` in `."""
    return re.findall(r"^\| `([^`]+ in [^`]+)` \|", document.read_text(encoding="utf-8"), re.MULTILINE)


def unlisted(differences: list[Difference], patterns: list[str]) -> dict[str, list[Difference]]:
    """Differences by kind that no pattern names."""
    found: dict[str, list[Difference]] = {}
    for difference in differences:
        if not any(fnmatchcase(difference.kind, pattern) for pattern in patterns):
            found.setdefault(difference.kind, []).append(difference)
    return found


def outlived(differences: list[Difference], patterns: list[str]) -> list[str]:
    """Patterns that no difference has any more."""
    kinds = {difference.kind for difference in differences}
    return [pattern for pattern in patterns if not any(fnmatchcase(kind, pattern) for kind in kinds)]


def report(found: dict[str, list[Difference]]) -> str:
    """For people: every kind, how often, and its first two examples."""
    lines = []
    for kind, differences in sorted(found.items()):
        lines.append(f"{kind}: {len(differences)} times")
        for example in differences[:2]:
            lines.append(
                f"    {example.sample}\n      ours   {example.ours!r:.600}\n      theirs {example.theirs!r:.600}"
            )
    return "\n".join(lines)
