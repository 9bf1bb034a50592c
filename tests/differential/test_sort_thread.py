"""SORT and THREAD beside Dovecot: the corpus family by family, and mailboxes full of conversations.

Differences are compared by kind, `sort KEY of FAMILY` or `thread ALGORITHM of FAMILY`, with the list in
docs/differences.md: one that isn't listed fails, and so does a row that names nothing any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.differential.conversations import conversations
from tests.differential.corpus import corpus
from tests.differential.observe import Visitor, fill
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "differences.md"
LOGIN = ("ann@example.org", "correct horse battery")
PROGRAMS = (
    *("ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO"),
    *("REVERSE SUBJECT", "REVERSE DATE", "SUBJECT REVERSE DATE", "FROM SUBJECT DATE", "REVERSE TO REVERSE ARRIVAL"),
)
ALGORITHMS = ("ORDEREDSUBJECT", "REFERENCES", "REFS")

Kinds = dict[str, list[str]]
"""Examples of differences by kind."""


@pytest.fixture(scope="module")
def found() -> Iterator[Kinds]:
    with DovecotServer(users=[LOGIN]) as dovecot, PillarboxServer() as pillarbox:
        pillarbox.add_account(*LOGIN)
        with Visitor(dovecot, LOGIN) as theirs, Visitor(pillarbox, LOGIN) as ours:
            yield _compare(ours, theirs)


def _compare(ours: Visitor, theirs: Visitor) -> Kinds:
    samples = corpus()
    mailboxes = [("", samples), *conversations()]
    kinds: Kinds = {}
    for serial, (family, letters) in enumerate(mailboxes):
        for client in (ours, theirs):
            fill(client, b"order%d" % serial, letters)
            client.examine(b"order%d" % serial)
        if family:
            _ask(ours, theirs, family, "ALL", kinds)
            continue
        for each in dict.fromkeys(sample.family for sample in samples):
            uids = [uid for uid, sample in enumerate(samples, 1) if sample.family == each]
            _ask(ours, theirs, each, f"UID {','.join(map(str, uids))}", kinds)
    return kinds


def _ask(ours: Visitor, theirs: Visitor, family: str, keys: str, kinds: Kinds) -> None:
    commands = {f"sort {program}": f"UID SORT ({program})" for program in PROGRAMS}
    commands |= {f"thread {algorithm}": f"UID THREAD {algorithm}" for algorithm in ALGORITHMS}
    for aspect, command in commands.items():
        our_answer, their_answer = (_answer(client, f"{command} UTF-8 {keys}".encode()) for client in (ours, theirs))
        if our_answer != their_answer:
            example = f"    ours   {our_answer!r:.300}\n    theirs {their_answer!r:.300}"
            kinds.setdefault(f"{aspect} of {family}", []).append(example)


def _answer(client: Visitor, command: bytes) -> bytes:
    return b"".join(line for line in client.ok(command).untagged if line.startswith((b"* SORT", b"* THREAD")))


def _listed() -> list[str]:
    """The patterns of docs/differences.md whose first cell says ` of `."""
    return re.findall(r"^\| `((?:sort|thread) [^`]+ of [^`]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)


def test_every_difference_in_order_and_threads_is_listed_with_its_reason(found: Kinds) -> None:
    listed = _listed()
    unlisted = {kind: found[kind] for kind in sorted(found) if not any(fnmatchcase(kind, one) for one in listed)}
    assert not unlisted, "\n".join(f"{kind}: {len(some)} times\n{some[0]}" for kind, some in unlisted.items())


def test_every_listed_difference_in_order_and_threads_still_occurs(found: Kinds) -> None:
    assert [one for one in _listed() if not any(fnmatchcase(kind, one) for kind in found)] == []


def test_plain_conversations_are_ordered_and_threaded_alike(found: Kinds) -> None:
    """No pattern may ever excuse these."""
    assert [kind for kind in found if kind.endswith((" of plain", " of subjects"))] == []
