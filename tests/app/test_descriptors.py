"""A server takes all the open files that it may have."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil

from tests.servers.pillarbox_server import PillarboxServer


def test_the_server_and_its_workers_raise_the_soft_limit_of_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with PillarboxServer(tmp_path / "data", workers=2) as server:
            process = psutil.Process(server.process_id)
            limits = [each.rlimit(psutil.RLIMIT_NOFILE) for each in (process, *process.children())]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert limits == [(hard, hard)] * 4, "the supervisor, two workers, the housekeeper"
