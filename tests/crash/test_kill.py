"""kill -9, fifty times and more, under load of several clients over TLS: nothing acknowledged is lost, nothing comes
twice, UIDs never go back, what was in flight is there whole or not at all, and the databases are sound."""

from __future__ import annotations

import pytest

from pillarbox.store.sqlite.check import check_account
from tests.crash.campaign import Campaign
from tests.servers.pillarbox_server import PillarboxServer

KILLS = 55
LOGIN = ("crash@example.org", "correct horse battery")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(workers: int) -> None:
    kills = KILLS if workers == 1 else 10
    with PillarboxServer(workers=workers) as server:
        server.add_account(*LOGIN)
        campaign = Campaign(server, LOGIN)
        violations = []
        for number in range(kills):
            violations += [f"kill {number}: {found}" for found in campaign.round(number, lambda: _problems(server))]
        assert violations == []
        assert campaign.acknowledged > 10 * kills, "there was load"
        assert campaign.in_flight > kills, "commands were in flight when it died"


def _problems(server: PillarboxServer) -> list[str]:
    """What check_account says of every account."""
    folders = [path.parent for path in (server.data / "mail").rglob("mail.db")]
    assert folders, "an account has a folder with mail.db"
    return [problem for folder in folders for problem in check_account(folder, busy_seconds=10)]
