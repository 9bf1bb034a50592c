"""Account passwords that a back end judges: remembered for a short time, asked in turn, and led to accounts of ours.

Somebody's first login makes the account. It has no password here, so it is of no use without the back end, and is in
every other respect one like all: shared with, limited, disabled, given app passwords and second factors.

Must never: take a back end that can't be asked for a no.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pillarbox.auth.contract import Attempt, RefusalReason, Standing
from pillarbox.auth.directory import Account, AccountDirectory, AccountExists
from pillarbox.auth.names import (
    LoginNameInvalid,
    PasswordInvalid,
    prepare_login_name,
    prepare_password,
)
from pillarbox.auth.networks import network_of
from pillarbox.auth.password_check import Accepted, AdminRight, CheckUnavailable, PasswordCheck, Rejected
from pillarbox.auth.remembered import RememberedChecks
from pillarbox.auth.settings import AuthSettings
from pillarbox.auth.turns import Turns
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.secret import Secret

NO_PASSWORD: Final = "!"  # noqa: S105 - no password
"""In place of a stored hash: no password fits it."""

Judgement = Accepted | Rejected
_REASONS: Final = {
    Rejected.WRONG: RefusalReason.WRONG_CREDENTIALS,
    Rejected.DISABLED: RefusalReason.DISABLED,
}


class PasswordsElsewhere:
    """Finds the account of whom a PasswordCheck accepts."""

    def __init__(
        self,
        check: PasswordCheck,
        directory: AccountDirectory,
        clock: Clock,
        events: EventLog,
        settings: AuthSettings,
    ) -> None:
        self._check = check
        self._directory = directory
        self._events = events
        self._turns = Turns(check.at_once, settings.max_waiting_checks)
        self._remembered: RememberedChecks[Judgement] = RememberedChecks(
            clock, check.remember_seconds, settings.max_remembered
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="elsewhere")

    async def judge(self, login_name: str, password: Secret[str], attempt: Attempt) -> Account | RefusalReason:
        """Whose password it is. The caller looks whether the account is disabled here.

        Raises CheckUnavailable, DirectoryUnavailable, Overcrowded.
        """
        try:
            name = prepare_login_name(login_name)
            prepared = Secret(prepare_password(password.reveal()))
        except (LoginNameInvalid, PasswordInvalid):
            return RefusalReason.WRONG_CREDENTIALS  # nobody can have them: a quick answer tells nothing of anybody
        fingerprint = self._remembered.fingerprint(name.encode(), prepared.reveal())
        judgement = self._remembered.recall(fingerprint)
        if judgement is None:
            judgement = await self._remembered.once(fingerprint, lambda: self._ask(name, prepared, attempt))
            if isinstance(judgement, Accepted):
                self._remembered.remember(fingerprint, Accepted(judgement.login_name))
        if isinstance(judgement, Rejected):
            return _REASONS[judgement]
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._account, judgement)

    async def close(self) -> None:
        """Let the back end go."""
        self._remembered.clear()
        await self._check.close()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _ask(self, name: str, password: Secret[bytes], attempt: Attempt) -> Judgement:
        origin = name if attempt.standing is Standing.KNOWN else network_of(attempt.address)
        async with self._turns.turn(attempt.standing, origin):
            judgement = await self._check.judge(name, password)
        if isinstance(judgement, Accepted):
            return Accepted(_name_here(judgement.login_name), judgement.admin)
        return judgement

    def _account(self, accepted: Accepted) -> Account:
        name = accepted.login_name
        account = self._directory.find(name)
        if account is None:
            account = self._made(name)
        if accepted.admin is AdminRight.GIVEN and not account.admin:
            self._directory.make_admin(name)
            self._events.info("account.admin_changed", login=name, admin=True)
        elif accepted.admin is AdminRight.TAKEN and account.admin:
            self._directory.revoke_admin(name)
            self._events.info("account.admin_changed", login=name, admin=False)
        return account

    def _made(self, name: str) -> Account:
        try:
            account = self._directory.add(name, NO_PASSWORD)
        except LoginNameInvalid as error:
            raise CheckUnavailable(f"the back end names somebody {name!r}: {error}") from error
        except AccountExists:  # another worker was faster
            found = self._directory.find(name)
            if found is None:
                raise CheckUnavailable(f"the account {name} was removed while it logged in") from None
            return found
        self._events.info("account.added", login=name, account=account.id)
        return account


def _name_here(named: str) -> str:
    try:
        return prepare_login_name(named)
    except LoginNameInvalid as error:
        raise CheckUnavailable(f"the back end names somebody {named!r}: {error}") from error
