"""Decides about passwords with the server's own accounts.

What has the shape of an app password is looked up as one first, for any name; one that fits and is good here and now
opens without a slow check. Everything else, also one that fits and is not good, is checked as the account's password
(or against the decoy) like any other: neither the answer nor the time tells what was wrong, or of whom.

A password that was right is remembered for a short time as a keyed hash over account, stored hash and password: a
changed password is out at once, whatever mechanism carried it. That the account is still there and enabled is looked
up every time. Where another back end judges account passwords (LDAP, PAM), elsewhere.py asks it; all the rest is the
same.

Must never: tell "no such user" from "wrong password" by answer or by the work done; log a password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeVar

from pillarbox.auth.app_password_uses import LastUses
from pillarbox.auth.app_passwords import AppPassword, AppPasswords, letters_of
from pillarbox.auth.claims import Claim, PasswordClaim, ScramClaim, VouchedClaim
from pillarbox.auth.contract import (
    Attempt,
    Denied,
    Granted,
    PasswordIsEnough,
    RefusalReason,
    SecondFactorRule,
    Standing,
)
from pillarbox.auth.credential import of_app_password, of_password
from pillarbox.auth.directory import Account, AccountDirectory, DirectoryUnavailable
from pillarbox.auth.elsewhere import NO_PASSWORD, PasswordsElsewhere
from pillarbox.auth.names import (
    LoginNameInvalid,
    PasswordInvalid,
    prepare_login_name,
    prepare_password,
    printable_name,
)
from pillarbox.auth.networks import NetworkSet, network_of
from pillarbox.auth.password_check import CheckUnavailable
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.remembered import RememberedChecks
from pillarbox.auth.scram_directory import ACCOUNT_PASSWORD
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from pillarbox.auth.scram_logins import ScramLogins
from pillarbox.auth.settings import AuthSettings
from pillarbox.auth.turns import Overcrowded, Turns
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

T = TypeVar("T")
_ATTEMPTS_WHILE_CHANGING: Final = 3
"""Two workers may renew one hash at the same moment; more changes than that within one login are no accident."""


class BuiltinAuthenticator:
    """The Authenticator of `accounts.db`."""

    def __init__(
        self,
        directory: AccountDirectory,
        clock: Clock,
        events: EventLog,
        settings: AuthSettings,
        hasher: PasswordHasher | None = None,
        second_factors: SecondFactorRule | None = None,
        uses: LastUses | None = None,
        elsewhere: PasswordsElsewhere | None = None,
    ) -> None:
        """`uses` keeps when app passwords were used; None: nobody does. `elsewhere` judges account passwords; None:
        the hashes of `directory` do."""
        self._directory = directory
        self._clock = clock
        self._events = events
        self._settings = settings
        self._hasher = hasher or PasswordHasher(settings)
        self._app_passwords = AppPasswords(directory, clock)
        self._uses = uses
        self._scram = ScramLogins(directory, settings.sasl)
        self._second_factors = second_factors or PasswordIsEnough()
        self._turns = Turns(settings.hash_threads, settings.max_waiting_checks)
        self._decoy = Account(AccountId(""), "", self._hasher.decoy(), False, 0, 0)
        self._elsewhere = elsewhere
        self._remembered: RememberedChecks[frozenset[str]] = RememberedChecks(
            clock, settings.remember_seconds, settings.max_remembered
        )
        self._lookups = ThreadPoolExecutor(1, thread_name_prefix="accounts")

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        """contract.Authenticator.decide"""
        try:
            decision = await self._decide(claim, attempt)
        except DirectoryUnavailable as error:
            self._events.error("accounts.unavailable", error=str(error))
            decision = Denied(RefusalReason.UNAVAILABLE)
        except CheckUnavailable as error:
            self._events.error("passwords.unavailable", error=str(error))
            decision = Denied(RefusalReason.UNAVAILABLE)
        except Overcrowded:
            decision = Denied(RefusalReason.BUSY)
        where = {"address": attempt.address, "mechanism": attempt.mechanism, "tls": attempt.tls}
        if isinstance(decision, Granted):
            if decision.app_password:
                where |= {"app_password": decision.app_password}
            self._events.info("login.granted", login=decision.login_name, account=decision.account, **where)
        else:
            self._events.info(
                "login.denied", login=printable_name(claim.login_name), reason=decision.reason.value, **where
            )
        return decision

    def client_named(self, decision: int, client: str) -> None:
        """contract.Authenticator.client_named; nothing is kept here."""

    async def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters | Denied:
        """exchange.ScramDirectory.parameters"""
        try:
            return await self._in_thread(self._scram.parameters, hash, login_name)
        except DirectoryUnavailable as error:
            self._events.error("accounts.unavailable", error=str(error))
            return Denied(RefusalReason.UNAVAILABLE)

    async def account_of(self, login_name: str) -> AccountId | None:
        """The account that a login name (in any spelling) logs in to; None when nobody may log in so now."""
        try:
            account = await self._find(login_name)
        except DirectoryUnavailable as error:
            self._events.error("accounts.unavailable", error=str(error))
            return None
        return None if account is None or account.disabled else account.id

    def close(self) -> None:
        """Forget what was remembered and let the threads go. The directory stays open."""
        self._remembered.clear()
        self._lookups.shutdown(wait=True, cancel_futures=True)
        self._hasher.close()

    async def _decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        if isinstance(claim, PasswordClaim):
            return await self._decide_password(claim.login_name, claim.password, attempt)
        if isinstance(claim, ScramClaim):
            return await self._decide_scram(claim, attempt)
        if isinstance(claim, VouchedClaim):
            return await self._decide_vouched(claim)
        return Denied(RefusalReason.WRONG_CREDENTIALS)

    async def _decide_scram(self, claim: ScramClaim, attempt: Attempt) -> Granted | Denied:
        account = await self._find(claim.login_name)
        fit = await self._in_thread(self._scram.judge, claim, account)
        if account is None or fit is None:
            return Denied(RefusalReason.WRONG_CREDENTIALS)
        if not claim.bound:
            return Denied(RefusalReason.BINDING, account.id)
        decision: Granted | Denied
        if fit.credential == ACCOUNT_PASSWORD and self._elsewhere is not None:
            return Denied(RefusalReason.WRONG_CREDENTIALS)  # keys of a password that is not asked for now
        if fit.credential == ACCOUNT_PASSWORD:
            decision = await self._with_account_password(account)
        else:
            entry = await self._in_thread(self._with_app_password_id, account, fit.credential, attempt)
            decision = Denied(entry) if isinstance(entry, RefusalReason) else entry
        return replace(decision, signature=fit.signature) if isinstance(decision, Granted) else decision

    async def _decide_vouched(self, claim: VouchedClaim) -> Granted | Denied:
        account = await self._find(claim.login_name)
        if account is None:
            return Denied(RefusalReason.WRONG_CREDENTIALS)
        return Denied(RefusalReason.DISABLED) if account.disabled else Granted(account.id, account.login_name)

    async def _decide_password(self, login_name: str, password: Secret[str], attempt: Attempt) -> Granted | Denied:
        letters = letters_of(password)
        if letters is None:
            return await self._decide_slowly(login_name, await self._find(login_name), password, attempt)
        account, entry = await self._in_thread(self._try_app_password, login_name, letters, attempt)
        if isinstance(entry, Granted):
            return entry
        decision = await self._decide_slowly(login_name, account, password, attempt)
        wrong = isinstance(decision, Denied) and decision.reason is RefusalReason.WRONG_CREDENTIALS
        return Denied(entry) if entry is not None and wrong else decision

    def _try_app_password(
        self, login_name: str, letters: Secret[str], attempt: Attempt
    ) -> tuple[Account | None, Granted | RefusalReason | None]:
        """In the thread of lookups: one answer, or why one that fits is not good now; None when none fits."""
        account = self._look_up(login_name)
        fitting = self._app_passwords.fitting(AccountId("") if account is None else account.id, letters)
        if account is None or fitting is None:
            return account, None
        return account, self._with_app_password(account, fitting, attempt)

    def _with_app_password_id(self, account: Account, id: str, attempt: Attempt) -> Granted | RefusalReason:
        found = [each for each in self._app_passwords.of(account.id) if each.id == id]
        return self._with_app_password(account, found[0], attempt) if found else RefusalReason.WRONG_CREDENTIALS

    def _with_app_password(self, account: Account, fitting: AppPassword, attempt: Attempt) -> Granted | RefusalReason:
        """Whose app password was right; is it good here and now?"""
        if account.disabled:
            return RefusalReason.DISABLED
        if fitting.is_expired(self._clock.now_seconds()):
            return RefusalReason.EXPIRED
        if not self._is_good_from(fitting, attempt.address):
            return RefusalReason.ELSEWHERE
        if self._uses is not None:
            self._uses.note(fitting, attempt)
        terms = fitting.terms
        return Granted(
            account.id,
            account.login_name,
            scope=terms.scope,
            credential=of_app_password(fitting.id),
            app_password=fitting.name,
            expires_seconds=terms.expires_seconds,
        )

    def _is_good_from(self, app_password: AppPassword, address: str) -> bool:
        terms = app_password.terms
        if terms.networks and address not in NetworkSet(terms.networks):
            return False
        place = terms.lock.around(address)
        return not place or (app_password.locked_to or self._app_passwords.bind(app_password, address)) == place

    async def _decide_slowly(
        self, login_name: str, account: Account | None, password: Secret[str], attempt: Attempt
    ) -> Granted | Denied:
        """A check takes its time, so the account is looked up again after it; one changed meanwhile is checked anew."""
        if self._elsewhere is not None:
            found = await self._elsewhere.judge(login_name, password, attempt)
            return Denied(found) if isinstance(found, RefusalReason) else await self._with_account_password(found)
        for _ in range(_ATTEMPTS_WHILE_CHANGING):
            subject = self._decoy if account is None or account.password_hash == NO_PASSWORD else account
            try:
                prepared = Secret(prepare_password(password.reveal()))
            except PasswordInvalid:
                subject, prepared = self._decoy, Secret(b"-")
            fitting = await self._fitting_hashes(login_name, subject, prepared, attempt)
            if not fitting or subject is self._decoy:
                break
            account = await self._find(login_name)
            if account is None or account.id != subject.id:
                break
            if account.password_hash in fitting:
                return await self._with_account_password(account)
        return Denied(RefusalReason.WRONG_CREDENTIALS)

    async def _with_account_password(self, account: Account) -> Granted | Denied:
        """Whose account password was right. Nothing here is asked of a wrong one: a guesser learns nothing by it."""
        if account.disabled:
            return Denied(RefusalReason.DISABLED)
        if await self._in_thread(self._second_factors.required, account.id):
            return Denied(RefusalReason.SECOND_FACTOR, account.id)
        return Granted(account.id, account.login_name, credential=of_password(account))

    async def _find(self, login_name: str) -> Account | None:
        return await self._in_thread(self._look_up, login_name)

    def _look_up(self, login_name: str) -> Account | None:
        try:
            prepared = prepare_login_name(login_name)
        except LoginNameInvalid:
            prepared = ""  # looked up all the same: a name that can't be one costs what any other does
        return self._directory.find(prepared)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._lookups, work, *arguments)

    async def _fitting_hashes(
        self, login_name: str, subject: Account, prepared: Secret[bytes], attempt: Attempt
    ) -> frozenset[str]:
        """The stored hashes that the password is known to fit, the subject's or its renewed one; empty when wrong."""
        fingerprint = self._fingerprint(login_name, subject, prepared)
        known = self._remembered.recall(fingerprint)
        if known is not None:
            return known
        return await self._remembered.once(
            fingerprint, lambda: self._check_in_turn(login_name, subject, prepared, attempt)
        )

    async def _check_in_turn(
        self, login_name: str, subject: Account, prepared: Secret[bytes], attempt: Attempt
    ) -> frozenset[str]:
        origin = subject.id if attempt.standing is Standing.KNOWN else network_of(attempt.address)
        async with self._turns.turn(attempt.standing, origin):
            return await self._check(login_name, subject, prepared)

    async def _check(self, login_name: str, subject: Account, prepared: Secret[bytes]) -> frozenset[str]:
        if not await self._hasher.verify(subject.password_hash, prepared) or subject is self._decoy:
            return frozenset()
        fitting = {subject.password_hash}
        if self._hasher.is_outdated(subject.password_hash):
            renewed = await self._hasher.hash_prepared(prepared)
            try:
                await self._in_thread(self._directory.replace_hash, subject, renewed)
                fitting.add(renewed)
            except DirectoryUnavailable as error:
                self._events.warning("login.hash_not_renewed", account=subject.id, error=str(error))
        for password_hash in fitting:
            renamed = replace(subject, password_hash=password_hash)
            self._remembered.remember(self._fingerprint(login_name, renamed, prepared), frozenset({password_hash}))
        await self._keep_scram_keys(subject, fitting, prepared)
        return frozenset(fitting)

    async def _keep_scram_keys(self, subject: Account, fitting: set[str], prepared: Secret[bytes]) -> None:
        """Accounts from before SCRAM, or of another hash, get their keys when their password comes by."""
        try:
            wanted = await self._in_thread(self._scram.wanted, subject)
            if wanted:
                keys = await self._hasher.scram_keys(prepared, wanted)
                for password_hash in fitting:  # one of them is the account's
                    await self._in_thread(self._scram.keep, replace(subject, password_hash=password_hash), keys)
        except DirectoryUnavailable as error:
            self._events.warning("login.scram_keys_not_kept", account=subject.id, error=str(error))

    def _fingerprint(self, login_name: str, subject: Account, prepared: Secret[bytes]) -> bytes:
        """Stands for one password of one account with one stored hash.

        For the decoy the name as typed takes part too, so that two unknown names never share a check.
        """
        typed = login_name.encode("utf-8", "surrogatepass") if subject is self._decoy else b""
        return self._remembered.fingerprint(
            subject.id.encode(), subject.password_hash.encode(), typed, prepared.reveal()
        )
