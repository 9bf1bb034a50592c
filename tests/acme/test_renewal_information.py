"""An authority that says when to renew is listened to (RFC 9773)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pillarbox.acme.authority import certificate_identifier
from pillarbox.acme.issuing import Office
from pillarbox.acme.names import Wanted
from pillarbox.acme.renewing import serial_of, state
from pillarbox.acme.rounds import Result, When, go_round
from pillarbox.clock import HeldClock, SystemClock
from tests.acme.conftest import MakeOffice
from tests.acme.pebble import Pebble
from tests.acme.suggesting import Suggesting, suggesting

NAME = Wanted(("mail.example.org",))
DAY = 86_400.0


@pytest.fixture
def told(authority: Pebble) -> Iterator[Suggesting]:
    with suggesting(authority, authority.folder) as running:
        yield running


def window(start_seconds: float, end_seconds: float) -> dict[str, object]:
    start, end = (datetime.fromtimestamp(each, UTC).isoformat() for each in (start_seconds, end_seconds))
    return {"suggestedWindow": {"start": start, "end": end}, "explanationURL": "https://ca.example/why"}


def look(office: Office) -> Result:
    (outcome,) = go_round(office, [NAME], When.DUE)
    return outcome.result


def test_the_authority_moves_a_renewal_forward_and_is_asked_as_often_as_it_wants(
    told: Suggesting, office: MakeOffice
) -> None:
    clock = HeldClock(SystemClock().now_seconds())
    asking = office(clock, directory_url=f"{told.url}/dir")
    assert look(asking) is Result.ISSUED
    first = asking.folder.find("mail.example.org")
    assert first is not None

    told.answer = window(clock.seconds + 30 * DAY, clock.seconds + 31 * DAY)
    assert [look(asking), look(asking)] == [Result.NOT_DUE, Result.NOT_DUE]
    assert told.asked == [f"/info/{certificate_identifier(first.certificate)}"]
    due = state(asking.folder, NAME).due_seconds - clock.seconds
    assert 30 * DAY <= due <= 31 * DAY

    clock.advance(3601)
    told.answer = window(clock.seconds - 2 * DAY, clock.seconds - DAY)
    assert look(asking) is Result.ISSUED
    second = asking.folder.find("mail.example.org")
    assert second is not None
    assert serial_of(second) != serial_of(first)
    assert state(asking.folder, NAME).memory.window is None  # that was the first one's


def test_an_authority_that_does_not_say_when_stops_nothing(told: Suggesting, office: MakeOffice) -> None:
    clock = HeldClock(SystemClock().now_seconds())
    asking = office(clock, directory_url=f"{told.url}/dir")
    assert look(asking) is Result.ISSUED
    issued = asking.folder.find("mail.example.org")
    assert issued is not None
    for broken in (None, {}, {"suggestedWindow": {"start": "soon", "end": "later"}}, window(5, 4)):
        told.answer = broken
        assert look(asking) is Result.NOT_DUE
        clock.advance(6 * 3600)
    assert len(told.asked) == 4
    life = issued.until_seconds - issued.from_seconds
    assert issued.until_seconds - state(asking.folder, NAME).due_seconds >= life / 3
