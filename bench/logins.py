"""Logins in a second, Pillarbox and Dovecot, one after another on the same machine.

    .venv/bin/python -m bench.logins                 8 clients for 10 seconds each, 3 rounds
    .venv/bin/python -m bench.logins --clients 4 --seconds 5 --rounds 1

Each login is a connection of its own: TCP, TLS 1.3, LOGIN, close. The account passwords are Argon2id with the same
parameters on both sides. Dovecot has its default, no cache of passwords; Pillarbox remembers one that was right for ten
minutes, which is shown with and without. Clients are threads of this process and share the machine with the server.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import Address, RawClient
from tests.servers.dovecot import DovecotServer, Scheme
from tests.servers.pillarbox_server import PillarboxServer

PASSWORD = "correct horse battery"
"""Of accounts that live as long as the run."""
LIMITS = "[net]\nmax_connections_per_address = 2000\nmax_connections_per_user = 2000\n"
WORKERS = 2

Logins = Sequence[tuple[str, str]]


def people(count: int) -> list[tuple[str, str]]:
    """A login name and the account password for each client."""
    return [(f"user{number}@example.org", PASSWORD) for number in range(count)]


@contextmanager
def pillarbox(logins: Logins, more: str = "") -> Iterator[PillarboxServer]:
    """With `more` settings."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pillarbox.toml"
        config.write_text(LIMITS + more)
        with PillarboxServer(Path(folder) / "data", config=config, workers=WORKERS) as server:
            server.add_accounts(logins)
            yield server


@contextmanager
def remembered(logins: Logins) -> Iterator[tuple[Address, Logins]]:
    with pillarbox(logins) as server:
        yield server, logins


@contextmanager
def checked(logins: Logins) -> Iterator[tuple[Address, Logins]]:
    with pillarbox(logins, "[auth]\nremember_seconds = 0\n") as server:
        yield server, logins


@contextmanager
def app_passwords(logins: Logins) -> Iterator[tuple[Address, Logins]]:
    with pillarbox(logins) as server:
        yield server, [(name, server.command("app-password", "add", name, "bench").strip()) for name, _ in logins]


@contextmanager
def dovecot(logins: Logins) -> Iterator[tuple[Address, Logins]]:
    with DovecotServer(scheme=Scheme.ARGON2ID, users=logins) as server:
        yield server, logins


KINDS = {
    "Dovecot, account password": dovecot,
    "Pillarbox, account password, each checked": checked,
    "Pillarbox, account password, remembered": remembered,
    "Pillarbox, app password": app_passwords,
}


def logins_per_second(server: Address, logins: Logins, seconds: float) -> float:
    """A client for each login, all at once, after one login each that doesn't count."""
    for login in logins:
        RawClient(server, login).close()
    counts = [0] * len(logins)
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < end:
            RawClient(server, logins[number]).close()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(logins))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(wanted.rounds):
        for kind, begin in KINDS.items():
            with begin(people(wanted.clients)) as (server, logins):
                found[kind].append(logins_per_second(server, logins, wanted.seconds))
    load = subprocess.run(["uptime"], capture_output=True, text=True, check=False).stdout.rpartition(":")[2].strip()
    print(f"logins in a second, {wanted.clients} clients, median of {wanted.rounds} rounds; load at the end {load}")
    for kind, values in found.items():
        print(f"{kind:45}{statistics.median(values):9.1f}")


if __name__ == "__main__":
    main()
