"""While an alarm about an account is open, logins from where it came from, and from wherever the account was not used
before it, may look and change nothing: a thief has more than one address.

Whoever confirms the alarm (`pillarbox alarms confirm`) ends that. Logins from where the account was used before are not
touched: the owner goes on working while the operator looks. An append-only app password stays what it is: it reads
nothing anyway.

Must never: let somebody in, or keep anybody out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pillarbox.auth.alarms import AlarmKind
from pillarbox.auth.ledger import Ledger, number
from pillarbox.auth.networks import LOCAL, neighbourhood_of
from pillarbox.auth.settings import QuarantineFor
from pillarbox.store.contract import AccountId

KNOWN_NEIGHBOURHOOD: Final = "neighbourhood"
"""The kind in table `seen` of what the monitor learned."""
_GRAVE: Final = frozenset({AlarmKind.TRAVEL, AlarmKind.GUESSED})
KINDS: Final[Mapping[QuarantineFor, frozenset[AlarmKind]]] = {
    QuarantineFor.NONE: frozenset(),
    QuarantineFor.GRAVE: _GRAVE,
    QuarantineFor.STRANGE: _GRAVE | {AlarmKind.COUNTRY, AlarmKind.PLACE, AlarmKind.HOUR},
}


class Quarantine:
    """Blocking, and for one thread at a time."""

    def __init__(self, ledger: Ledger, asked: QuarantineFor) -> None:
        self._ledger = ledger
        self.kinds = KINDS[asked]
        """Of the alarms that count."""

    @property
    def is_on(self) -> bool:
        return bool(self.kinds)

    def holds(self, account: AccountId, address: str) -> bool:
        """Whether a login to this account from this address is held to looking. Raises LedgerUnavailable."""
        kinds = {kind.value for kind in self.kinds}
        place = neighbourhood_of(address)
        return any(
            place == neighbourhood_of(str(where)) or not self._was_used(str(name), place, number(seconds))
            for kind, where, name, seconds in self._ledger.rows(
                "SELECT kind, address, name, seconds FROM alarm WHERE account = ? AND confirmed_seconds IS NULL",
                (account,),
            )
            if kind in kinds
        )

    def _was_used(self, name: str, place: str, before_seconds: float) -> bool:
        """Whether somebody was in from a neighbourhood before; this machine itself is nobody's trick."""
        return place == LOCAL or bool(
            self._ledger.rows(
                "SELECT 1 FROM seen WHERE name = ? AND kind = ? AND value = ? AND first_seconds < ?",
                (name, KNOWN_NEIGHBOURHOOD, place, before_seconds),
            )
        )
