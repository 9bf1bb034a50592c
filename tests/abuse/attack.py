"""Password guessing from many addresses at once, while people log in; by hand `python -m tests.abuse.attack --help`.

Loopback is a /8: every 127.x.y.z is an address of its own to the server.

Must never: be pointed at anything but a server of the tests.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import socket
import ssl
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer

PASSWORD = "correct horse battery"
WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Guesses:
    """How the server answered."""

    answers: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Logins:
    """What people met with."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Talk:
    """One connection from an address of our choice."""

    def __init__(self, server: PillarboxServer, context: ssl.SSLContext, source: str) -> None:
        plain = socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS, source_address=(source, 0))
        try:
            self._socket = context.wrap_socket(plain, server_hostname=server.host)
        except OSError:
            plain.close()
            raise
        self._lines = self._socket.makefile("rb")
        self._lines.readline()

    def login(self, name: str, password: str) -> str:
        """`OK`, `NO CODE`, `BYE`, or `` when the server hung up."""
        self._socket.sendall(f'a LOGIN {name} "{password}"\r\n'.encode())
        for raw_line in self._lines:
            words = raw_line.decode().split()
            if words[0] in ("a", "*") and words[1] in ("OK", "NO", "BAD", "BYE"):
                code = words[2].strip("[]") if words[2].startswith("[") and words[1] == "NO" else ""
                return f"{words[1]} {code}".strip()
        return ""

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def guess(
    server: PillarboxServer,
    context: ssl.SSLContext,
    sources: list[str],
    names: list[str],
    count: int,
    told: Guesses,
) -> None:
    """`count` guesses, two for each connection, each connection from the next address."""
    victims, places = itertools.cycle(names), itertools.cycle(sources)
    left = count
    while left > 0:
        try:
            talk = Talk(server, context, next(places))
        except OSError:
            told.answers["no connection"] += 1
            left -= 1
            continue
        try:
            for _ in range(min(2, left)):
                left -= 1
                told.answers[talk.login(next(victims), f"guess {left}") or "closed"] += 1
        except OSError:
            told.answers["closed"] += 1
        finally:
            talk.close()


def log_in_until(
    stop: threading.Event, server: PillarboxServer, context: ssl.SSLContext, name: str, source: str, met: Logins
) -> None:
    """A person's program: logs in over and over from home."""
    while not stop.is_set():
        start = time.monotonic()
        try:
            talk = Talk(server, context, source)
            try:
                said = talk.login(name, PASSWORD)
            finally:
                talk.close()
        except OSError as error:
            said = str(error)
        met.seconds.append(time.monotonic() - start)
        if said != "OK":
            met.failed.append(f"{name}: {said}")
        stop.wait(0.2)


def near(count: int) -> list[str]:
    """Addresses of a few /24 networks."""
    return [f"127.{10 + number // 60_000}.{number // 200 % 250}.{number % 200 + 1}" for number in range(count)]


def spread(count: int) -> list[str]:
    """Addresses that have no /24 in common."""
    return [f"127.{10 + number // 250}.{number % 250}.1" for number in range(count)]


def attack(
    server: PillarboxServer, names: list[str], people: list[str], guesses: int, sources: list[str], threads: int
) -> tuple[Guesses, Logins]:
    """Everything at once; `names` are guessed at, `people` among them log in meanwhile from homes of their own."""
    context, met, stop = server.client_context(), Logins(), threading.Event()
    homes = {name: f"127.200.{number}.1" for number, name in enumerate(people)}
    for name, home in homes.items():  # they were here before
        talk = Talk(server, context, home)
        assert talk.login(name, PASSWORD) == "OK"
        talk.close()
    sources = list(sources)
    random.Random(7).shuffle(sources)
    told = [Guesses() for _ in range(threads)]
    crowd = [
        threading.Thread(
            target=guess,
            args=(server, context, sources[number::threads], names[number:] + names[:number], guesses // threads, each),
        )
        for number, each in enumerate(told)
    ]
    legitimate = [
        threading.Thread(target=log_in_until, args=(stop, server, context, name, home, met))
        for name, home in homes.items()
    ]
    for thread in legitimate + crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    stop.set()
    for thread in legitimate:
        thread.join()
    return Guesses(sum((each.answers for each in told), Counter())), met


def main() -> None:
    parser = argparse.ArgumentParser(description="Guess passwords on a server of our own, and see who suffers.")
    parser.add_argument("--guesses", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--addresses", type=int, default=500)
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--spread", action="store_true", help="each address in a /24 of its own")
    parser.add_argument("--cheap", action="store_true", help="password hashes of 8 MiB and one pass")
    given = parser.parse_args()
    names = [f"user{number}@example.org" for number in range(given.accounts)]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pillarbox.toml"
        config.write_text((CHEAP_HASHES if given.cheap else "") + "[net]\nmax_connections_per_address = 200\n")
        with PillarboxServer(config=config, workers=given.workers) as server:
            for first in range(0, len(names), 25):  # a command has two minutes
                server.add_accounts([(name, PASSWORD) for name in names[first : first + 25]])
            start = time.monotonic()
            sources = (spread if given.spread else near)(given.addresses)
            told, met = attack(server, names, names[: given.people], given.guesses, sources, given.threads)
            seconds = sorted(met.seconds)
            alarms = Counter(alarm["kind"] for alarm in json.loads(server.command("alarms", "list", "--json")))
            print(f"{sum(told.answers.values())} guesses in {time.monotonic() - start:.0f} s: {dict(told.answers)}")
            print(f"{len(seconds)} logins of {given.people} people, {len(met.failed)} failed: {met.failed[:3]}")
            print(f"their wait: median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s")
            print(f"alarms: {dict(alarms)}; bans: {len(json.loads(server.command('bans', 'list', '--json')))}")


if __name__ == "__main__":
    main()
