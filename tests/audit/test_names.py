"""The table of audited events against what the source emits."""

import re
from pathlib import Path

import pillarbox
from pillarbox.audit.names import AREAS, AUDITED, is_audited

EMITTED = re.compile(r"\.(?:debug|info|warning|error|bug)\(\s*\"([a-z_]+\.[a-z_]+)\"")


def emitted() -> set[str]:
    root = Path(pillarbox.__file__).parent
    return {name for path in root.rglob("*.py") for name in EMITTED.findall(path.read_text())}


def test_every_audited_event_is_emitted_somewhere() -> None:
    assert set(AUDITED) - emitted() == set()


def test_whole_areas_are_audited_and_the_rest_is_not() -> None:
    assert is_audited("login.granted")
    assert is_audited("app_password.of_tomorrow")
    assert not is_audited("connection.ended")
    assert not is_audited("accounts.unavailable")


def test_the_document_has_the_same_table() -> None:
    document = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    assert dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", document, re.MULTILINE)) == dict(AUDITED)
    assert set(re.findall(r"`([a-z_]+)\.`", document)) == set(AREAS)
