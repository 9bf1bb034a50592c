"""Whether a server's own certificate is good is seen without what makes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.net.certificates import SERVER_DAYS, ensure_certificates
from pillarbox.net.own import AUTHORITY, SERVER, is_good

NAMES = ("Mail.example.org", "bücher.example", "2001:DB8::1")
DAYS = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_certificates(tmp_path, NAMES, DAYS, HeldClock())
    return tmp_path


def test_what_was_just_made_is_good(folder: Path) -> None:
    assert is_good(folder, NAMES, DAYS, HeldClock())


def test_it_is_good_until_it_is_due(folder: Path) -> None:
    clock = HeldClock()
    clock.advance((SERVER_DAYS - DAYS - 1) * 86_400)
    assert is_good(folder, NAMES, DAYS, clock)
    clock.advance(86_400)
    assert not is_good(folder, NAMES, DAYS, clock)


@pytest.mark.parametrize("names", [NAMES[:2], (*NAMES, "more.example"), (*NAMES, "no name"), (*NAMES, "a..b")])
def test_it_is_not_good_for_other_names(folder: Path, names: tuple[str, ...]) -> None:
    assert not is_good(folder, names, DAYS, HeldClock())


@pytest.mark.parametrize("name", [AUTHORITY, SERVER])
def test_it_is_not_good_when_a_file_is_gone_broken_or_another_server_s(folder: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ensure_certificates(other, ("other.example",), DAYS, HeldClock())
    for text in ((other / name).read_bytes(), b"nonsense"):
        (folder / name).write_bytes(text)
        assert not is_good(folder, NAMES, DAYS, HeldClock())
    (folder / name).unlink()
    assert not is_good(folder, NAMES, DAYS, HeldClock())
