"""docs/rfcs.md says what is there, and a reason for all that is not."""

from __future__ import annotations

from pathlib import Path

from tools.rfcs import NOT_SPOKEN, REGISTERED, advertised, area_modules, page, spoken_for

from pillarbox.imap.registry import AREAS

PAGE = Path(__file__).parents[2] / "docs" / "rfcs.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run `make reference`"


def test_every_area_that_is_registered_is_on_the_page() -> None:
    assert {id(area) for area in AREAS} == {id(module.AREA) for module in area_modules()}


def test_every_capability_of_the_registry_is_spoken_or_has_a_reason() -> None:
    assert {name for name in REGISTERED if not spoken_for(name)} <= {*NOT_SPOKEN} <= {*REGISTERED}


def test_every_capability_that_is_advertised_is_registered() -> None:
    assert {row for name in REGISTERED for row in spoken_for(name)} == {*advertised()}
