"""The structure of one part is what the whole message's structure has in its place (RFC 5524 BODYPARTSTRUCTURE)."""

from __future__ import annotations

import pytest

from pillarbox.mime.digest import digest
from pillarbox.mime.parts import PartMap
from pillarbox.mime.substructure import structure_of_part
from tests.mime.grammar import Value, read_body
from tests.mime.samples import ALL, FORWARD, NESTED, crlf

MOST_DEPTH = 6


def parts_of(message: bytes) -> dict[tuple[int, ...], bytes]:
    """The structure of every part, as it is made for the part alone."""
    parts = PartMap.unpack(digest(message).parts)
    found: dict[tuple[int, ...], bytes] = {}
    waiting: list[tuple[int, ...]] = [(number,) for number in range(1, 10)]
    for path in waiting:
        part = parts.part(path)
        if part is not None and len(path) <= MOST_DEPTH:
            structure = structure_of_part(message, part)
            assert structure is not None
            found[path] = structure
            waiting += [(*path, number) for number in range(1, 10)]
    return found


def inside(body: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    """All lists in a body, itself first."""
    found = [body]
    for each in body:
        if isinstance(each, tuple):
            found += inside(each)
    return found


@pytest.mark.parametrize("message", ALL, ids=range(len(ALL)))
def test_each_part_has_the_structure_that_it_has_in_the_whole(message: bytes) -> None:
    whole = digest(message).bodystructure
    parts = parts_of(message)
    assert (1,) in parts
    for path, structure in parts.items():
        assert structure in whole, path
        assert read_body(structure) in inside(read_body(whole)), path


def test_there_are_parts_in_parts() -> None:
    assert max(map(len, parts_of(crlf(NESTED)))) > 1
    assert max(map(len, parts_of(crlf(FORWARD)))) > 1


def test_a_part_of_another_message_has_none() -> None:
    part = PartMap.unpack(digest(crlf(NESTED)).parts).part((1,))
    assert part is not None
    assert structure_of_part(b"Subject: x\r\n\r\nanother\r\n", part) is None
