"""Who may have a password checked now: token buckets for each address and each account, kept in `logins.db`.

A stranger (a network that the account never logged in from) pays from the bucket of its address and from that of the
account before the password is looked at, and gets it back when the password was right. A network that the account
logged in from before has a bucket of its own for that account and pays only when it fails: strangers can't lock
it out, and it costs a login no write.

Names that nobody has are treated as those that somebody has. Two things are told apart by who asks from a network
that an account uses: there, and there only, that account is not held up with the others.

Must never: know whether an account exists, or see a password.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import apsw

from pillarbox.auth.bans import Bans
from pillarbox.auth.contract import Standing
from pillarbox.auth.ledger import Ledger, number
from pillarbox.auth.networks import LOCAL, NetworkSet, network_of
from pillarbox.auth.settings import ThrottleSettings
from pillarbox.clock import Clock

_DAY_SECONDS: Final = 86_400.0
KNOWN_NETWORK: Final = "network"
"""The kind in table `seen` of networks that an account logged in from."""


class Hold(enum.Enum):
    """Why a password is not even looked at."""

    BANNED = "banned"
    ADDRESS = "too many failures from the address"
    ACCOUNT = "too many failures for the account"
    OWN = "too many failures for the account from a network of its own"


@dataclass(frozen=True, slots=True)
class Admission:
    """A password may be checked; settle it with `succeeded`, `failed` or `gave_up`."""

    name: str
    network: str
    standing: Standing
    paid: tuple[_Bucket, ...]
    """Taken in advance."""


@dataclass(frozen=True, slots=True)
class _Bucket:
    key: str
    most: int
    refill_seconds: float

    def after(self, tokens: float, seconds: float) -> float:
        """How many there are, `seconds` after there were `tokens`; a clock that was set back gives none."""
        return min(float(self.most), tokens + max(0.0, seconds) / max(self.refill_seconds, 0.001))


class Throttle:
    """Blocking, and for one thread at a time. All may raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, bans: Bans, clock: Clock, settings: ThrottleSettings) -> None:
        """Raises NetworkInvalid."""
        self._ledger = ledger
        self._bans = bans
        self._clock = clock
        self._settings = settings
        self._exempt = NetworkSet(settings.exempt_networks)

    def admit(self, name: str, address: str) -> Admission | Hold:
        """Before a password is looked at. `name` is a prepared login name, or what a client typed instead of one;
        empty when only a token says who it is: then the address alone pays."""
        network = network_of(address)
        is_exempt = network == LOCAL or address in self._exempt
        ban = None if is_exempt else self._bans.find(address)
        if ban is not None and ban.by_hand:
            return Hold.BANNED
        if name and self._is_known(name, network):
            if self._tokens(self._ledger, self._own(name, network)) < 1:
                return Hold.OWN
            return Admission(name, network, Standing.KNOWN, ())
        if ban is not None:
            return Hold.BANNED
        settings = self._settings
        account = _Bucket(f"account {name}", settings.failures_per_account, settings.account_refill_seconds)
        place = _Bucket(f"address {network}", settings.failures_per_address, settings.address_refill_seconds)
        wanted = ((place, Hold.ADDRESS, not is_exempt), (account, Hold.ACCOUNT, bool(name)))
        return self._take(name, network, tuple((bucket, hold) for bucket, hold, pays in wanted if pays))

    def succeeded(self, admission: Admission) -> None:
        """The password was right: the network is one of the account's from now on."""
        if admission.standing is Standing.KNOWN:
            return
        now = self._clock.now_seconds()
        with self._ledger.change() as connection:
            self._give_back(connection, admission)
            connection.execute(
                "INSERT INTO seen VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name, kind, value) DO UPDATE SET last_seconds = excluded.last_seconds",
                (admission.name, KNOWN_NETWORK, admission.network, now, now),
            )

    def failed(self, admission: Admission) -> None:
        """The password was wrong."""
        if admission.standing is Standing.STRANGER:
            return
        bucket = self._own(admission.name, admission.network)
        with self._ledger.change() as connection:
            self._set(connection, bucket, self._tokens(connection, bucket) - 1)

    def gave_up(self, admission: Admission) -> None:
        """The password was not judged."""
        if admission.paid:
            with self._ledger.change() as connection:
                self._give_back(connection, admission)

    def prune(self) -> None:
        """Forget buckets that are full again, and what ended long ago."""
        now = self._clock.now_seconds()
        with self._ledger.change() as connection:
            connection.execute("DELETE FROM bucket WHERE full_seconds < ?", (now,))
            connection.execute("DELETE FROM ban WHERE until_seconds < ?", (now,))

    def _own(self, name: str, network: str) -> _Bucket:
        settings = self._settings
        return _Bucket(f"own {network} {name}", settings.failures_when_known, settings.known_refill_seconds)

    def _is_known(self, name: str, network: str) -> bool:
        found = self._ledger.rows(
            "SELECT last_seconds FROM seen WHERE name = ? AND kind = ? AND value = ?", (name, KNOWN_NETWORK, network)
        )
        oldest = self._clock.now_seconds() - self._settings.known_days * _DAY_SECONDS
        return bool(found) and number(found[0][0]) >= oldest

    def _take(self, name: str, network: str, wanted: tuple[tuple[_Bucket, Hold], ...]) -> Admission | Hold:
        for bucket, hold in wanted:  # who is refused costs no write
            if self._tokens(self._ledger, bucket) < 1:
                return hold
        with self._ledger.change() as connection:
            levels = [(bucket, hold, self._tokens(connection, bucket)) for bucket, hold in wanted]
            for _, hold, tokens in levels:
                if tokens < 1:
                    return hold
            for bucket, _, tokens in levels:
                self._set(connection, bucket, tokens - 1)
        return Admission(name, network, Standing.STRANGER, tuple(bucket for bucket, _ in wanted))

    def _give_back(self, connection: apsw.Connection, admission: Admission) -> None:
        for bucket in admission.paid:
            self._set(connection, bucket, min(float(bucket.most), self._tokens(connection, bucket) + 1))

    def _tokens(self, where: Ledger | apsw.Connection, bucket: _Bucket) -> float:
        statement = "SELECT tokens, seconds FROM bucket WHERE key = ?"
        if isinstance(where, Ledger):
            found = where.rows(statement, (bucket.key,))
        else:
            found = list(where.execute(statement, (bucket.key,)))
        if not found:
            return float(bucket.most)
        tokens, seconds = number(found[0][0]), number(found[0][1])
        return bucket.after(tokens, self._clock.now_seconds() - seconds)

    def _set(self, connection: apsw.Connection, bucket: _Bucket, tokens: float) -> None:
        now = self._clock.now_seconds()
        tokens = max(tokens, -float(bucket.most))
        full = now + (bucket.most - tokens) * bucket.refill_seconds
        connection.execute("REPLACE INTO bucket VALUES (?, ?, ?, ?)", (bucket.key, tokens, full, now))
