"""No setting without its text: docs/configure.md is written from those texts."""

from __future__ import annotations

from pillarbox.app.settings import ServerSettings
from pillarbox.config import undocumented


def test_every_setting_has_a_text() -> None:
    assert undocumented(ServerSettings) == []
