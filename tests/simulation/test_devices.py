"""Eight devices through two workers over TLS: all of them end up with what the store holds (play.py).

A failure shows its seed and the last lines of the wire; `python -m tests.simulation --seed S` plays the same again.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.pillarbox_server import PillarboxServer
from tests.simulation.play import KINDS, ROUNDS_BETWEEN_COMPARISONS, Play

SEEDS = ("101", "102")
ROUNDS = 6 * ROUNDS_BETWEEN_COMPARISONS
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server() -> Iterator[PillarboxServer]:
    with PillarboxServer(workers=2) as running:
        running.add_accounts([(f"seed{seed}@example.org", PASSWORD) for seed in SEEDS])
        yield running


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_device_ends_up_with_the_truth(seed: str, server: PillarboxServer) -> None:
    play = Play(server, (f"seed{seed}@example.org", PASSWORD), seed)
    await play.run(lambda done: done < ROUNDS)
    assert play.rounds == ROUNDS
    assert play.comparisons == ROUNDS // ROUNDS_BETWEEN_COMPARISONS + 1
    assert play.commands > 2 * ROUNDS, "something was done"
    assert "Traceback" not in server.stderr()


def test_there_are_devices_of_every_kind() -> None:
    spoken = [kind.enables for kind in KINDS]
    assert len({kind.name for kind in KINDS}) == len(KINDS) == 8
    assert all(any(feature in each for each in spoken) for feature in ("QRESYNC", "CONDSTORE", "UIDONLY", "IMAP4REV2"))
    assert any("compress" in kind.habits for kind in KINDS)
    assert sum("roams" in kind.habits for kind in KINDS) >= 4
