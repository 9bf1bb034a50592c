"""Takes bearer tokens in front of the accounts: a good one becomes the word of its issuer, which these believe.

Must never: let a network call wait on the loop's thread; pass a token on.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from pillarbox.auth.claims import Claim, TokenClaim, VouchedClaim
from pillarbox.auth.contract import Attempt, Authenticator, Denied, Granted, RefusalReason
from pillarbox.auth.names import printable_name
from pillarbox.auth.oauth.fetching import IssuerUnavailable
from pillarbox.auth.oauth.tokens import TokenJudge, TokenOwner, TokenRefused
from pillarbox.auth.sasl import same_user
from pillarbox.events import EventLog

_THREADS: Final = 4
_MOST_WAITING: Final = 64
"""Tokens that are judged or wait for it; more are told to come back."""


class TokenAuthenticator:
    """contract.Authenticator around another one."""

    def __init__(self, inner: Authenticator, judge: TokenJudge, events: EventLog) -> None:
        self._inner = inner
        self._judge = judge
        self._events = events
        self._waiting = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tokens")

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        """contract.Authenticator.decide"""
        if not isinstance(claim, TokenClaim):
            return await self._inner.decide(claim, attempt)
        try:
            owner = await self._owner(claim)
        except TokenRefused as refused:
            return self._denied(claim, attempt, refused.reason, str(refused))
        except IssuerUnavailable as error:
            self._events.error("tokens.unavailable", error=str(error))
            return self._denied(claim, attempt, RefusalReason.UNAVAILABLE, "the issuer can't be asked")
        if owner is None:
            return self._denied(claim, attempt, RefusalReason.BUSY, "too many tokens wait")
        decision = await self._inner.decide(VouchedClaim(owner.login_name), attempt)
        if isinstance(decision, Denied):
            return decision
        return replace(decision, expires_seconds=owner.expires_seconds)

    def client_named(self, decision: int, client: str) -> None:
        """contract.Authenticator.client_named"""
        self._inner.client_named(decision, client)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _owner(self, claim: TokenClaim) -> TokenOwner | None:
        """None when too many wait. Raises TokenRefused, IssuerUnavailable."""
        if self._waiting >= _MOST_WAITING:
            return None
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            owner = await loop.run_in_executor(self._threads, self._judge.owner, claim.token)
        finally:
            self._waiting -= 1
        if claim.login_name and not same_user(claim.login_name, owner.login_name):
            raise TokenRefused("of somebody else")
        return owner

    def _denied(self, claim: TokenClaim, attempt: Attempt, reason: RefusalReason, why: str) -> Denied:
        self._events.info(
            "login.denied",
            login=printable_name(claim.login_name),
            reason=reason.value,
            why=why,
            address=attempt.address,
            mechanism=attempt.mechanism,
            tls=attempt.tls,
        )
        return Denied(reason)
