"""Kill, restart, compare, again and again: the loop of the crash test, for any server that can be killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.crash.ledger import History, Ledger
from tests.crash.load import Acknowledgements, Worker
from tests.crash.survey import survey
from tests.differential.client import Client

CLIENTS = 4


class Killable(Protocol):
    """What is needed of a server."""

    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


class Campaign:
    """Keeps the books over many kills. `acknowledged` counts the commands that the server answered OK."""

    def __init__(self, server: Killable, login: tuple[str, str]) -> None:
        self._server, self._login = server, login
        self._ledgers = [Ledger(f"client{index}") for index in range(CLIENTS)]
        self._history = History()
        self._dice = random.Random("kill -9")
        self.acknowledged = 0
        self.in_flight = 0
        with Client(server) as client:
            client.login(*login)  # the first login: the account has its mailboxes from here on
        self._compare()

    def round(self, number: int, check: Callable[[], list[str]] = list) -> list[str]:
        """Load, kill, restart, compare, look at the files with `check`. Returns violations as text."""
        done = Acknowledgements()
        workers = [Worker(self._server, self._login, ledger, f"{number}", done) for ledger in self._ledgers]
        for worker in workers:
            worker.start()
        self.acknowledged += done.wait_for(self._dice.choice((0, 1, 3, 10, 25, 40, 60, 80)))
        # Not a wait for anything: a few hundred microseconds move the kill to another place in the commands in flight.
        time.sleep(self._dice.random() * 0.003)
        self._server.kill()
        for worker in workers:
            worker.join()
        self.in_flight += sum(ledger.in_flight is not None for ledger in self._ledgers)
        found = [refusal for ledger in self._ledgers for refusal in ledger.refusals]
        self._server.restart()
        return found + self._compare() + check()

    def _compare(self) -> list[str]:
        floors = dict(self._history.uidnext)
        found = self._history.acknowledged(self._ledgers)
        with Client(self._server) as client:
            client.login(*self._login)
            seen = survey(client)
        found += seen.damage + self._history.restarted(seen.world)
        for ledger in self._ledgers:
            names = frozenset(name for name in seen.names if name.startswith(f"{ledger.client}-"))
            found += ledger.settle(seen.world, names, floors)
        return found
