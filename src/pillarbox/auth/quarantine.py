"""While an alarm about an account is open, logins from where it came from may look and change nothing.

Whoever confirms the alarm (`pillarbox alarms confirm`) ends that. Logins from elsewhere are not touched: the owner goes
on working while the operator looks. An append-only app password stays what it is: it reads nothing anyway.

Must never: let somebody in, or keep anybody out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pillarbox.auth.alarms import AlarmKind
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.networks import neighbourhood_of
from pillarbox.auth.settings import QuarantineFor
from pillarbox.store.contract import AccountId

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
        found = self._ledger.rows(
            "SELECT kind, address FROM alarm WHERE account = ? AND confirmed_seconds IS NULL", (account,)
        )
        place = neighbourhood_of(address)
        kinds = {kind.value for kind in self.kinds}
        return any(kind in kinds and neighbourhood_of(str(where)) == place for kind, where in found)
