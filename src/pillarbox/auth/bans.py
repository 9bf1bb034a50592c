"""Networks that may not log in for some time. Part of `logins.db`, so all workers see the same.

Must never: forget what an operator banned without an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.auth.ledger import Ledger, number
from pillarbox.auth.networks import Network, NetworkSet
from pillarbox.clock import Clock

_LOOK_SECONDS = 1.0
"""How old another process's ban may be before it is felt here."""


@dataclass(frozen=True, slots=True)
class Ban:
    network: str
    """CIDR."""
    until_seconds: float | None
    """None: until somebody lifts it."""
    reason: str
    by_hand: bool
    """An operator's holds for everybody. One that the server made spares accounts that logged in from there before."""


class Bans:
    """All of them that hold."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._read_seconds = float("-inf")
        self._bans: dict[str, Ban] = {}
        self._networks = NetworkSet(())

    def find(self, address: str) -> Ban | None:
        """The ban on an address; one by hand before others. Raises LedgerUnavailable."""
        now = self._clock.monotonic_seconds()
        if now - self._read_seconds >= _LOOK_SECONDS:
            self._bans = {ban.network: ban for ban in sorted(self.all(), key=lambda ban: not ban.by_hand)}
            self._networks = NetworkSet(self._bans)
            self._read_seconds = now
        found = self._networks.find(address)
        ban = None if found is None else self._bans[str(found)]
        if ban is None or (ban.until_seconds is not None and ban.until_seconds <= self._clock.now_seconds()):
            return None
        return ban

    def all(self) -> Sequence[Ban]:
        """By network. Raises LedgerUnavailable."""
        found = self._ledger.rows(
            "SELECT network, until_seconds, reason, by_hand FROM ban"
            " WHERE until_seconds IS NULL OR until_seconds > ? ORDER BY network",
            (self._clock.now_seconds(),),
        )
        return [
            Ban(str(network), None if until is None else number(until), str(reason), bool(by_hand))
            for network, until, reason, by_hand in found
        ]

    def add_by_hand(self, network: Network, seconds: float | None, reason: str) -> Ban:
        """An operator's ban, in place of any other on that network. Raises LedgerUnavailable."""
        ban = Ban(str(network), None if seconds is None else self._clock.now_seconds() + seconds, reason, True)
        with self._ledger.change() as connection:
            connection.execute("REPLACE INTO ban VALUES (?, ?, ?, 1)", (ban.network, ban.until_seconds, reason))
        self._read_seconds = float("-inf")
        return ban

    def remove(self, network: Network) -> bool:
        """Lift a ban; False when there is none. Raises LedgerUnavailable."""
        with self._ledger.change() as connection:
            connection.execute("DELETE FROM ban WHERE network = ?", (str(network),))
            self._read_seconds = float("-inf")
            return connection.changes() > 0
