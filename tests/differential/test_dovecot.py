"""Two servers side by side: Pillarbox and Dovecot get the same messages and are asked the same questions.

What differs must be listed, with its reason, in docs/differences.md; what is listed must still differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.differential.compare import Difference, compare_message, listed_kinds, outlived, report, unlisted
from tests.differential.corpus import Sample, corpus
from tests.differential.observe import (
    Observed,
    Visitor,
    fill,
    observe_sections,
    observe_whole,
    part_octets,
    search,
    section_names,
)
from tests.differential.queries import queries
from tests.servers.dovecot import DovecotServer, Storage
from tests.servers.pillarbox_server import PillarboxServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "differences.md"
LOGIN = ("ann@example.org", "correct horse battery")


@pytest.fixture(scope="module")
def theirs() -> Iterator[Visitor]:
    with DovecotServer(users=[LOGIN]) as server, Visitor(server, LOGIN) as client:
        yield client


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two servers said about the same messages, and where they differ."""

    ours: dict[int, Observed]
    differences: list[Difference]


@pytest.fixture(scope="module")
def comparison(theirs: Visitor) -> Comparison:
    with PillarboxServer() as server:
        server.add_account(*LOGIN)
        with Visitor(server, LOGIN) as ours:
            return compare_servers(ours, theirs, b"corpus", corpus())


def compare_servers(ours: Visitor, theirs: Visitor, mailbox: bytes, samples: Sequence[Sample]) -> Comparison:
    """Fill a new mailbox on both, ask both everything."""
    for client in (ours, theirs):
        fill(client, mailbox, samples)
    our_view, their_view = observe_whole(ours, len(samples)), observe_whole(theirs, len(samples))
    found: list[Difference] = []
    for number, sample in enumerate(samples, 1):
        parts = _sections_of_both(our_view[number], their_view[number])
        observe_sections(ours, number, parts, our_view[number])
        observe_sections(theirs, number, parts, their_view[number])
        found += compare_message(sample, our_view[number], their_view[number])
    return Comparison(our_view, [*found, *_search_differences(ours, theirs, samples)])


def _sections_of_both(ours: Observed, theirs: Observed) -> list[str]:
    names = [*section_names(theirs.items["BODYSTRUCTURE"]), *section_names(ours.items["BODYSTRUCTURE"])]
    return list(dict.fromkeys(names))


def _search_differences(ours: Visitor, theirs: Visitor, samples: Sequence[Sample]) -> Iterator[Difference]:
    for query in queries():
        our_answer, their_answer = search(ours, query.criteria), search(theirs, query.criteria)
        aspect = f"search {query.key}"
        if isinstance(our_answer, str) or isinstance(their_answer, str):
            if our_answer != their_answer:
                yield Difference(aspect, "any", repr(query.criteria), our_answer, their_answer)
            continue
        for uid in sorted(our_answer ^ their_answer):
            sample = samples[uid - 1]
            about = f"{sample.name}: {query.criteria!r}"
            yield Difference(aspect, sample.family, about, uid in our_answer, uid in their_answer)


def test_every_difference_from_dovecot_is_listed_with_its_reason(comparison: Comparison) -> None:
    found = unlisted(comparison.differences, listed_kinds(DOCUMENT))
    assert not found, f"not listed in {DOCUMENT.name}:\n{report(found)}"


def test_every_listed_difference_still_occurs(comparison: Comparison) -> None:
    assert outlived(comparison.differences, listed_kinds(DOCUMENT)) == []


def test_what_one_server_says_agrees_with_itself(comparison: Comparison) -> None:
    """Sizes are those of the bytes that are sent: RFC822.SIZE, BINARY.SIZE and the octets of every part."""
    for observed in comparison.ours.values():
        items = observed.items
        assert items["RFC822.SIZE"] == len(_bytes(items["BODY[]"]))
        assert _bytes(items["BODY[HEADER]"]) + _bytes(items["BODY[TEXT]"]) == items["BODY[]"] == items["RFC822"]
        for name, value in items.items():
            if name.startswith("BINARY.SIZE[") and isinstance(value, int):
                # A part that isn't there (asked for because Dovecot has it) is NIL and of size 0.
                assert value == len(_bytes(items[name.replace(".SIZE", "")] or b"")), name
        for part, octets in part_octets(items["BODYSTRUCTURE"]):
            assert octets == len(_bytes(items[f"BODY[{part}]"])), part


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes), value
    return value


def test_the_corpus_is_several_hundred_varied_messages() -> None:
    samples = corpus()
    assert len(samples) > 400
    assert len({sample.family for sample in samples}) > 20
    assert samples == corpus(), "the same on every run"


def test_there_are_a_few_hundred_queries() -> None:
    assert len({query.criteria for query in queries()}) > 300


def test_two_dovecots_agree_about_everything(theirs: Visitor) -> None:
    """Proves the harness: what is one server's own noise is not taken for a difference."""
    with DovecotServer(users=[LOGIN], storage=Storage.MAILDIR) as other, Visitor(other, LOGIN) as ours:
        found = compare_servers(ours, theirs, b"some", corpus()[::7]).differences
        assert report(unlisted(found, [])) == ""


@pytest.mark.parametrize(
    ("spoil", "aspect"),
    [
        (lambda data: data.replace(b"Subject: ", b"Subject: x", 1), "envelope subject"),
        (lambda data: data.replace(b"boundary=b0", b"boundary=c0", 1), "bodystructure shape"),
        (lambda data: data + b"more", "rfc822.size"),
    ],
)
def test_a_changed_message_shows_as_a_difference(theirs: Visitor, spoil: Callable[[bytes], bytes], aspect: str) -> None:
    sample = next(sample for sample in corpus() if sample.name == "attachments 0")
    spoiled = Sample(sample.family, sample.name, spoil(sample.content), sample.internal_date, sample.flags)
    seen = []
    for mailbox, one in ((b"whole " + aspect.encode(), sample), (b"spoiled " + aspect.encode(), spoiled)):
        fill(theirs, b'"%s"' % mailbox, [one])
        observed = observe_whole(theirs, 1)[1]
        observe_sections(theirs, 1, section_names(observed.items["BODYSTRUCTURE"]), observed)
        seen.append(observed)
    aspects = {difference.aspect for difference in compare_message(sample, *seen)}
    assert aspect in aspects
