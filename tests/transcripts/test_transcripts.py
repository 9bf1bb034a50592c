"""Every *.imap transcript, played in memory; also with the client's octets in other pieces than it sent them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts.memory import MemoryStage, Splitting
from tests.transcripts.play import Player
from tests.transcripts.script import read_script

SCRIPTS = sorted(Path(__file__).parent.glob("*.imap"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_the_server_keeps_to_the_script(path: Path) -> None:
    stage = MemoryStage()
    await Player(read_script(path), stage).play()
    assert stage.events.bugs == []


@pytest.mark.parametrize("splitting", [Splitting.SINGLE, Splitting.RANDOM], ids=lambda splitting: splitting.name)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_the_answers_are_the_same_however_the_octets_arrive(path: Path, splitting: Splitting) -> None:
    stage = MemoryStage(splitting, seed=len(path.stem))
    await Player(read_script(path), stage).play()
    assert stage.events.bugs == []


def test_there_are_transcripts() -> None:
    assert SCRIPTS
