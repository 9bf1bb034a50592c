"""The guard in front of any authenticator: asks the throttle first, settles with it afterwards, notes every decision.

What it refuses has the same answer for names that somebody has and names that nobody has, for neither the account nor
the password was looked at. App passwords and second factors are the inner authenticator's; they pass the guard too.

Must never: lock everybody out because its own memory can't be written; see more of a password than it passes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from pillarbox.auth.claims import Claim
from pillarbox.auth.contract import TRY_LATER, Attempt, Authenticator, Denied, Granted, RefusalReason, Standing
from pillarbox.auth.history import DENIED, GRANTED, LoginRecord, Recorder, new_decision
from pillarbox.auth.ledger import LedgerUnavailable
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name, printable_name
from pillarbox.auth.quarantine import Quarantine
from pillarbox.auth.scope import Scope
from pillarbox.auth.throttle import Admission, Hold, Throttle
from pillarbox.clock import Clock
from pillarbox.events import EventLog

T = TypeVar("T")
MAX_CLIENT_CHARACTERS = 100
_NOT_WRONG: Final = TRY_LATER | {RefusalReason.SECOND_FACTOR, RefusalReason.TOKEN_EXPIRED}
"""What costs nothing: a program that goes on with the account password is told why, not throttled; one with an old
token fetches a new one."""


class GuardedAuthenticator:
    """contract.Authenticator around another one."""

    def __init__(
        self,
        inner: Authenticator,
        throttle: Throttle,
        recorder: Recorder,
        clock: Clock,
        events: EventLog,
        quarantine: Quarantine | None = None,
    ) -> None:
        """Without `quarantine`, alarms take nothing from anybody."""
        self._inner = inner
        self._throttle = throttle
        self._recorder = recorder
        self._clock = clock
        self._events = events
        self._quarantine = quarantine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="throttle")

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        """contract.Authenticator.decide"""
        name = _name_of(claim.login_name) if claim.login_name else ""
        admission = await self._ask(lambda: self._throttle.admit(name, attempt.address))
        if isinstance(admission, Hold):
            self._events.info(
                "login.denied",
                login=printable_name(claim.login_name),
                reason=admission.value,
                address=attempt.address,
                mechanism=attempt.mechanism,
                tls=attempt.tls,
            )
            denied = Denied(RefusalReason.THROTTLED)
            self._note(name, attempt, denied, admission.value, "")
            return denied
        standing = attempt.standing if admission is None else admission.standing
        decision = await self._inner.decide(claim, replace(attempt, standing=standing))
        if not name and isinstance(decision, Granted):
            name = decision.login_name  # the token said so
        if admission is not None and not (standing is Standing.KNOWN and isinstance(decision, Granted)):
            admission = replace(admission, name=name)
            await self._ask(partial(self._settle, admission, decision))
        reason = decision.reason.value if isinstance(decision, Denied) else ""
        number = self._note(name, attempt, decision, reason, "" if admission is None else standing.value)
        if not isinstance(decision, Granted):
            return decision
        return replace(decision, decision=number, scope=await self._scope(decision, attempt))

    def client_named(self, decision: int, client: str) -> None:
        """contract.Authenticator.client_named"""
        if decision and client:
            self._recorder.name_client(decision, _client(client))

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _scope(self, granted: Granted, attempt: Attempt) -> Scope:
        quarantine = self._quarantine
        if quarantine is None or not quarantine.is_on:
            return granted.scope
        if not await self._ask(lambda: quarantine.holds(granted.account, attempt.address)):
            return granted.scope
        self._events.warning("login.quarantined", login=granted.login_name, address=attempt.address)
        return granted.scope.quarantined()

    def _settle(self, admission: Admission, decision: Granted | Denied) -> None:
        if isinstance(decision, Granted):
            self._throttle.succeeded(admission)
        elif decision.reason in _NOT_WRONG:
            self._throttle.gave_up(admission)
        else:
            self._throttle.failed(admission)

    async def _ask(self, question: Callable[[], T]) -> T | None:
        """None when the throttle can't remember anything now: better open than everybody locked out."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question)
        except LedgerUnavailable as error:
            self._events.error("logins.unavailable", error=str(error))
            return None

    def _note(self, name: str, attempt: Attempt, decision: Granted | Denied, reason: str, standing: str) -> int:
        record = LoginRecord(
            decision=new_decision(),
            seconds=self._clock.now_seconds(),
            name=name,
            account=decision.account or "",
            address=attempt.address,
            client=_client(attempt.client),
            mechanism=attempt.mechanism,
            result=GRANTED if isinstance(decision, Granted) else DENIED,
            reason=reason,
            standing=standing,
            app_password=decision.app_password if isinstance(decision, Granted) else "",
        )
        self._recorder.note(record)
        return record.decision


def _name_of(typed: str) -> str:
    try:
        return prepare_login_name(typed)
    except LoginNameInvalid:
        return printable_name(typed)


def _client(said: str) -> str:
    return "".join(each for each in said if each.isprintable())[:MAX_CLIENT_CHARACTERS]
