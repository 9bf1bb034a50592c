"""What of the audit log one stranger, or one account, may fill: so nobody pushes out what others did.

Denied logins have a common allowance, for who is denied is anybody. Everything else that happens because of an account
has one for each kind and account. What is beyond is counted, and told once a minute.

Must never: drop anything uncounted; hold back what names no account and is no denied login: those the server did.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from pillarbox.audit.entry import Happening
from pillarbox.audit.settings import AuditSettings
from pillarbox.events import Field

DENIED: Final = "login.denied"
DENIED_MORE: Final = "login.denied_more"
"""How many denied logins have no entry of their own."""
MORE: Final = "audit.more"
"""How many entries of one kind about one account there would have been besides."""

_DAY_SECONDS: Final = 86_400.0
_TELL_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 10_000
"""Of kinds and accounts that wrote lately; who is forgotten begins with a full allowance."""

_Who = tuple[str, str]


@dataclass(slots=True)
class _Allowance:
    most: float
    left: float
    seconds: float

    def take(self, now: float) -> bool:
        self.left = min(self.most, self.left + max(0.0, now - self.seconds) * self.most / _DAY_SECONDS)
        self.seconds = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Thinner:
    """For one thread at a time."""

    def __init__(self, settings: AuditSettings) -> None:
        self._settings = settings
        self._second, self._denied = 0, 0
        self._denied_today = _Allowance(settings.denied_per_day, settings.denied_per_day, 0.0)
        self._allowances: dict[_Who, _Allowance] = {}
        self._more: Counter[_Who] = Counter()
        self._tell_at: float | None = None
        """None: nothing is to be told."""

    @property
    def counts(self) -> bool:
        """Whether something was left out that is not told yet."""
        return bool(self._more)

    def keeps(self, happening: Happening, now: float) -> bool:
        """Whether it has an entry of its own; otherwise it is counted."""
        who = (happening.event, "" if happening.event == DENIED else _account(happening))
        if happening.event == DENIED:
            kept = self._keeps_denied(now)
        else:
            kept = not who[1] or self._allowance(who, now).take(now)
        if not kept:
            self._more[who] += 1
            self._tell_at = now + _TELL_SECONDS if self._tell_at is None else self._tell_at
        return kept

    def due(self, now: float) -> list[tuple[str, dict[str, Field]]]:
        """What is to be told by now of what was left out."""
        return [] if self._tell_at is None or now < self._tell_at else self.rest()

    def rest(self) -> list[tuple[str, dict[str, Field]]]:
        """All of it."""
        more, self._more, self._tell_at = self._more, Counter(), None
        return [
            (DENIED_MORE, {"count": count}) if event == DENIED else (MORE, {"of": event, "login": who, "count": count})
            for (event, who), count in more.items()
        ]

    def _keeps_denied(self, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._denied = int(now), 0
        if self._denied >= self._settings.denied_per_second:
            return False
        self._denied += 1
        return self._denied_today.take(now)

    def _allowance(self, who: _Who, now: float) -> _Allowance:
        found = self._allowances.pop(who, None)
        if found is None:
            found = _Allowance(self._settings.same_per_day, self._settings.same_per_day, now)
            if len(self._allowances) >= _MOST_REMEMBERED:
                del self._allowances[next(iter(self._allowances))]
        self._allowances[who] = found  # last: the first are those that wrote least lately
        return found


def _account(happening: Happening) -> str:
    """Because of whom it happened; empty when nobody is named."""
    return str(happening.fields.get("login") or happening.fields.get("account") or "")
