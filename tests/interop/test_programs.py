"""What a developer sees whose machine lacks a client."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import DEBIAN_PACKAGES, find_program


@pytest.mark.parametrize("name", sorted(DEBIAN_PACKAGES))
def test_a_missing_client_fails_with_one_line_that_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        pytest.fail.Exception, match=f"^{name} is not installed: apt-get install {DEBIAN_PACKAGES[name]}$"
    ):
        find_program(name)
