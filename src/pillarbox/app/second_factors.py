"""Puts second factors together, for a console and the command line.

Must never: load what browsers need where no browser may use a passkey.
"""

from __future__ import annotations

from dataclasses import replace

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.bans import Bans
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.second_factors import PasskeyCeremonies, SecondFactors
from pillarbox.auth.settings import AuthSettings, ThrottleSettings
from pillarbox.auth.throttle import Throttle
from pillarbox.clock import Clock
from pillarbox.events import EventLog


def open_second_factors(
    settings: ServerSettings, directory: AccountDirectory, ledger: Ledger, clock: Clock, events: EventLog
) -> SecondFactors:
    """Raises KeysUnavailable, NetworkInvalid."""
    keys = FactorKeys.open(DataFolder(settings.data_folder).factor_key_path)
    throttle = Throttle(ledger, Bans(ledger, clock), clock, throttle_of_codes(settings.auth))
    chosen = settings.auth.multi_factor
    passkeys: PasskeyCeremonies | None = None
    if chosen.passkey_origins:
        from pillarbox.auth.passkeys import Passkeys  # 0.1 s and 7 MB

        passkeys = Passkeys(directory, clock, chosen, events)
    return SecondFactors(directory, keys, throttle, clock, chosen, events, passkeys)


def throttle_of_codes(auth: AuthSettings) -> ThrottleSettings:
    """As for passwords, but a code of six digits is guessed sooner: accounts pay more, also from their own networks."""
    chosen = auth.multi_factor
    return replace(
        auth.throttle,
        failures_per_account=chosen.wrong_codes,
        account_refill_seconds=chosen.wrong_code_refill_seconds,
        failures_when_known=chosen.wrong_codes,
        known_refill_seconds=chosen.wrong_code_refill_seconds,
    )
