"""Every setting is documented, and docs/configure.md says what the code says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pillarbox.app.settings import ServerSettings
from pillarbox.config import reference, undocumented
from pillarbox.config.tree import fields_of

PAGE = Path(__file__).parents[2] / "docs" / "configure.md"


def keys(kind: type, above: str = "") -> list[str]:
    found = []
    defaults = kind(data_folder=Path()) if not above else kind()
    for field in dataclasses.fields(kind):
        value = getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            found += keys(type(value), f"{above}{field.name}.")
        else:
            found.append(above + field.name)
    for array in fields_of(kind):
        if array.row is not None:
            found += [f"{above}{array.name}.{each.name}" for each in dataclasses.fields(array.row)]
    return found


def test_a_setting_without_text_is_noticed() -> None:
    @dataclasses.dataclass(frozen=True)
    class Silent:
        told: int = 1
        """Told."""
        untold: int = 2

    assert undocumented(Silent) == [f"untold ({__name__})"]


def test_every_setting_has_its_heading() -> None:
    expected = [key for key in keys(ServerSettings) if key != "data_folder"]
    headings = [line[5:-1] for line in reference(ServerSettings).splitlines() if line.startswith("### `")]
    assert sorted(headings) == sorted(expected)
    assert len(headings) > 40


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == reference(ServerSettings), "run `make reference`"
