"""Second factors as one: what a console and the command line ask for. Wrong codes are answers, not errors.

    state                                        how an account stands
    enrol, confirm                               an app: show Enrolment.uri as a QR code, then take its first code
    ask_to_register, register_passkey            the same for a passkey
    verify                                       after the password was right: a code of an app, or a recovery code
    ask_to_assert, verify_passkey                after the password was right: a passkey
    renew_recovery_codes, remove, disable        each for its owner, proved anew, or for the operator

Mail programs can't ask for a code. So the account password opens nothing but a console once there is a factor, and
programs get app passwords (auth/app_passwords.py); factor_rule is what the doors ask.

Must never: say more of a code than Verdict does; let codes be tried where the throttle can't count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys, SealBroken
from pillarbox.auth.factors import Confirmed, Enrolment, Factor, FactorKind, FactorState, Verdict
from pillarbox.auth.ledger import LedgerUnavailable
from pillarbox.auth.recovery import RecoveryCodes
from pillarbox.auth.recovery import code_of as recovery_code_of
from pillarbox.auth.settings import Asked, MultiFactorSettings
from pillarbox.auth.throttle import Hold, Throttle
from pillarbox.auth.totp import TotpApps
from pillarbox.auth.totp import code_of as totp_code_of
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId


class PasskeyCeremonies(Protocol):
    """What is asked of auth.passkeys.Passkeys, which is loaded only where browsers come."""

    def ask_to_register(self, account: AccountId, login_name: str) -> str: ...

    def register(self, account: AccountId, answer: str, name: str) -> Factor | Verdict: ...

    def ask_to_assert(self, account: AccountId) -> str | None: ...

    def verify(self, account: AccountId, answer: str) -> Verdict: ...


class SecondFactors:
    """The factors of all accounts. Blocking, and for one thread at a time. All raise DirectoryUnavailable."""

    def __init__(
        self,
        directory: AccountDirectory,
        keys: FactorKeys,
        throttle: Throttle,
        clock: Clock,
        settings: MultiFactorSettings,
        events: EventLog,
        passkeys: PasskeyCeremonies | None = None,
    ) -> None:
        """`throttle` is that of codes (`app.second_factors`); no `passkeys`: they are not offered."""
        self._directory = directory
        self._apps = TotpApps(directory, keys, clock, settings.issuer)
        self._recovery = RecoveryCodes(directory, keys)
        self._throttle = throttle
        self._settings = settings
        self._events = events
        self._passkeys = passkeys

    def state(self, account: AccountId) -> FactorState:
        """How an account stands."""
        factors = (*self._apps.list(account), *_passkeys_of(self._directory, account))
        return FactorState(factors, self._recovery.left(account), self._settings.require is Asked.ALL)

    # --- enrolling ---------------------------------------------------------------------------------

    def enrol(self, account: AccountId, login_name: str, name: str = "") -> Enrolment | None:
        """An app that counts once `confirm` was right; one that still waited is void. None: it has too many."""
        return self._apps.enrol(account, login_name, name)

    def waiting(self, account: AccountId) -> str | None:
        """The app (Enrolment.factor) that waits to be confirmed."""
        return self._apps.waiting(account)

    def confirm(self, account: AccountId, factor: str, code: str) -> Confirmed | Verdict:
        """The first code of an app. Whoever enrolled it knows its secret, so wrong ones are not counted."""
        typed = totp_code_of(code)
        if typed is None:
            return Verdict.WRONG
        verdict = self._unsealed(account, lambda: self._apps.confirm(account, factor, typed))
        return self._confirmed(account, factor, FactorKind.TOTP) if verdict is Verdict.RIGHT else verdict

    def ask_to_register(self, account: AccountId, login_name: str) -> str | None:
        """JSON for `navigator.credentials.create()`; None when passkeys are not offered."""
        return None if self._passkeys is None else self._passkeys.ask_to_register(account, login_name)

    def register_passkey(self, account: AccountId, answer: str, name: str = "") -> Confirmed | Verdict:
        """What the browser answered, as JSON."""
        if self._passkeys is None:
            return Verdict.EXPIRED
        made = self._passkeys.register(account, answer, name)
        return made if isinstance(made, Verdict) else self._confirmed(account, made.id, FactorKind.PASSKEY)

    def _confirmed(self, account: AccountId, factor: str, kind: FactorKind) -> Confirmed:
        self._events.info("mfa.added", account=account, kind=kind.value, factor=factor)
        if len(self.state(account).factors) > 1:
            return Confirmed(factor)
        with self._directory.change() as connection:  # who is in with the password alone is out (auth/credential.py)
            connection.execute("UPDATE account SET password_version = password_version + 1 WHERE id = ?", (account,))
        return Confirmed(factor, self._recovery.renew(account))

    # --- proving -----------------------------------------------------------------------------------

    def verify(self, account: AccountId, code: str, address: str) -> Verdict:
        """A code of an app or a recovery code, each good once, tried from an address."""
        return self._counted(account, address, lambda: self._judge(account, code))

    def ask_to_assert(self, account: AccountId) -> str | None:
        """JSON for `navigator.credentials.get()`; None when there is no passkey to ask for."""
        return None if self._passkeys is None else self._passkeys.ask_to_assert(account)

    def verify_passkey(self, account: AccountId, answer: str, address: str) -> Verdict:
        """What the browser answered, as JSON."""
        passkeys = self._passkeys
        if passkeys is None:
            return Verdict.EXPIRED
        return self._counted(account, address, lambda: passkeys.verify(account, answer))

    def _judge(self, account: AccountId, typed: str) -> Verdict:
        code = totp_code_of(typed)
        if code is not None:
            return self._apps.accept(account, code)
        recovery = recovery_code_of(typed)
        return Verdict.WRONG if recovery is None else self._recovery.use(account, recovery)

    def _counted(self, account: AccountId, address: str, judge: Callable[[], Verdict]) -> Verdict:
        """Under the throttle, which has buckets for codes beside those for passwords; closed when it can't count."""
        try:
            admission = self._throttle.admit(f"second factor {account}", address)
            if isinstance(admission, Hold):
                verdict = Verdict.THROTTLED
            else:
                verdict = self._unsealed(account, judge)
                if verdict is Verdict.RIGHT:
                    self._throttle.succeeded(admission)
                elif verdict is Verdict.UNAVAILABLE:
                    self._throttle.gave_up(admission)
                else:
                    self._throttle.failed(admission)
        except LedgerUnavailable as error:
            self._events.error("logins.unavailable", error=str(error))
            verdict = Verdict.UNAVAILABLE
        self._events.info("mfa.checked", account=account, address=address, result=verdict.value)
        return verdict

    def _unsealed(self, account: AccountId, judge: Callable[[], Verdict]) -> Verdict:
        try:
            return judge()
        except SealBroken as error:
            self._events.error("mfa.unreadable", account=account, error=str(error))
            return Verdict.UNAVAILABLE

    # --- changing ----------------------------------------------------------------------------------

    def renew_recovery_codes(self, account: AccountId) -> tuple[Secret[str], ...]:
        """Ten new ones, shown once; those before are void. Empty for an account without a factor."""
        if not self.state(account).is_on:
            return ()
        self._events.info("mfa.recovery_codes_renewed", account=account)
        return self._recovery.renew(account)

    def remove(self, account: AccountId, factor: str) -> bool:
        """Whether there was such a factor. With the last one the recovery codes go too."""
        with self._directory.change() as connection:
            removed = 0
            for table in ("totp", "passkey"):
                connection.execute(
                    f"DELETE FROM {table} WHERE account = ? AND factor = ?",  # noqa: S608 - constants
                    (account, factor),
                )
                removed += connection.changes()
            connection.execute(
                "DELETE FROM recovery_code WHERE account = ?1"
                " AND NOT EXISTS (SELECT 1 FROM totp WHERE account = ?1 AND confirmed)"
                " AND NOT EXISTS (SELECT 1 FROM passkey WHERE account = ?1)",
                (account,),
            )
        if removed:
            self._events.info("mfa.removed", account=account, factor=factor)
        return bool(removed)

    def disable(self, account: AccountId) -> bool:
        """All factors and codes away; whether there was a factor."""
        was_on = self.state(account).is_on
        with self._directory.change() as connection:
            for table in ("totp", "passkey", "passkey_challenge", "recovery_code"):
                connection.execute(f"DELETE FROM {table} WHERE account = ?", (account,))  # noqa: S608 - constants
        if was_on:
            self._events.info("mfa.disabled", account=account)
        return was_on


def _passkeys_of(directory: AccountDirectory, account: AccountId) -> list[Factor]:
    rows = directory.rows(
        "SELECT factor, name, created_seconds, used_seconds FROM passkey WHERE account = ?"
        " ORDER BY created_seconds, factor",
        account,
    )
    return [
        Factor(str(factor), FactorKind.PASSKEY, str(name), int(str(created)), None if used is None else int(str(used)))
        for factor, name, created, used in rows
    ]
