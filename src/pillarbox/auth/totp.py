"""Codes of an app: HOTP (RFC 4226) over time steps of 30 seconds (RFC 6238), six digits, SHA-1 as all apps speak it.

RFC 6238 section 5.2: the step before and the one after the current one are taken too, and a code that was accepted is
never accepted again, by no worker and after no restart. Steps go only forward, so neither is an older one.

Must never: compare a code other than in constant time; keep a secret unsealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from typing import Final
from urllib.parse import quote, urlencode

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys
from pillarbox.auth.factors import MAX_FACTORS, Enrolment, Factor, FactorKind, Verdict, tidy_name
from pillarbox.clock import Clock
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

STEP_SECONDS: Final = 30
DIGITS: Final = 6
WINDOW_STEPS: Final = 1
"""Before and after: RFC 6238 section 5.2 recommends one for the time a person and the network take."""
SECRET_BYTES: Final = 20
"""RFC 4226 section 4, R6: 160 bits are recommended."""
CONFIRM_SECONDS: Final = 3600
"""An enrolment that nobody confirms for so long is forgotten."""


def hotp(secret: Secret[bytes], counter: int, digits: int = DIGITS, digest: str = "sha1") -> str:
    """One code, RFC 4226 section 5.3."""
    mac = hmac.new(secret.reveal(), counter.to_bytes(8, "big"), digest).digest()
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_at(seconds: float) -> int:
    """The number of a time step, RFC 6238 section 4.2."""
    return int(seconds) // STEP_SECONDS


def fitting_steps(secret: Secret[bytes], code: str, seconds: float) -> list[int]:
    """The steps of the window that a code fits; none when it is wrong. Takes the same time for all."""
    now, typed = step_at(seconds), code.encode()
    window = range(max(now - WINDOW_STEPS, 0), now + WINDOW_STEPS + 1)
    return [step for step, fits in [(each, _same(hotp(secret, each), typed)) for each in window] if fits]


def code_of(typed: str) -> str | None:
    """The code that somebody typed, however they spaced it; None when it can't be one."""
    code = "".join(typed.split())
    return code if len(code) == DIGITS and code.isascii() and code.isdigit() else None


def uri_of(secret: Secret[str], issuer: str, login_name: str) -> Secret[str]:
    """What the QR code of an app says: otpauth://totp/ISSUER:NAME?secret=..."""
    label = f"{quote(issuer, safe='')}:{quote(login_name, safe='@')}"
    return Secret(f"otpauth://totp/{label}?{urlencode({'secret': secret.reveal(), 'issuer': issuer}, quote_via=quote)}")


class TotpApps:
    """The apps of all accounts. Blocking. All raise DirectoryUnavailable, and SealBroken where a secret is read."""

    def __init__(self, directory: AccountDirectory, keys: FactorKeys, clock: Clock, issuer: str) -> None:
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._issuer = issuer

    def enrol(self, account: AccountId, login_name: str, name: str) -> Enrolment | None:
        """A new app, which counts once it is confirmed; one that still waited is void. None: there are too many."""
        secret, factor = Secret(os.urandom(SECRET_BYTES)), secrets.token_hex(8)
        now = int(self._clock.now_seconds())
        with self._directory.change() as connection:
            connection.execute("DELETE FROM totp WHERE account = ? AND NOT confirmed", (account,))
            connection.execute(
                "INSERT INTO totp (factor, account, name, sealed_secret, created_seconds)"
                " SELECT ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM totp WHERE account = ?) < ?",
                (
                    factor,
                    account,
                    tidy_name(name, "authenticator app"),
                    self._keys.seal(secret, _row(account, factor)),
                    now,
                    account,
                    MAX_FACTORS,
                ),
            )
            if not connection.changes():
                return None
        text = Secret(base64.b32encode(secret.reveal()).decode())
        return Enrolment(factor, text, uri_of(text, self._issuer, login_name))

    def waiting(self, account: AccountId) -> str | None:
        """The app that waits to be confirmed."""
        found = self._directory.rows(
            "SELECT factor FROM totp WHERE account = ? AND NOT confirmed AND created_seconds >= ?",
            account,
            int(self._clock.now_seconds()) - CONFIRM_SECONDS,
        )
        return str(found[0][0]) if found else None

    def confirm(self, account: AccountId, factor: str, code: str) -> Verdict:
        """Its first code: from now on it counts. WRONG codes may be tried again; EXPIRED wants a new enrolment."""
        if self.waiting(account) != factor:
            return Verdict.EXPIRED
        return self._accept("account = ? AND factor = ? AND NOT confirmed", (account, factor), code)

    def accept(self, account: AccountId, code: str) -> Verdict:
        """A code of one of the account's apps, once."""
        return self._accept("account = ? AND confirmed", (account,), code)

    def list(self, account: AccountId) -> list[Factor]:
        """Those that count."""
        rows = self._directory.rows(
            "SELECT factor, name, created_seconds, used_seconds FROM totp WHERE account = ? AND confirmed"
            " ORDER BY created_seconds, factor",
            account,
        )
        return [
            Factor(str(factor), FactorKind.TOTP, str(name), _whole(created), None if used is None else _whole(used))
            for factor, name, created, used in rows
        ]

    def _accept(self, where: str, values: tuple[str, ...], code: str) -> Verdict:
        """One transaction: what is read here, nobody else can use before it is written."""
        now, verdict = self._clock.now_seconds(), Verdict.WRONG
        with self._directory.change() as connection:
            rows = connection.execute(
                f"SELECT factor, account, sealed_secret, last_step FROM totp WHERE {where}",  # noqa: S608 - constants
                values,
            ).fetchall()
            for factor, account, sealed, last_step in rows:
                assert isinstance(sealed, bytes)
                secret = self._keys.unseal(sealed, _row(str(account), str(factor)))
                steps = fitting_steps(secret, code, now)
                if steps and max(steps) > _whole(last_step):
                    connection.execute(
                        "UPDATE totp SET confirmed = 1, last_step = ?, used_seconds = ? WHERE factor = ?",
                        (max(steps), int(now), factor),
                    )
                    return Verdict.RIGHT
                if steps:
                    verdict = Verdict.USED
        return verdict


def _same(code: str, typed: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(code.encode()).digest(), hashlib.sha256(typed).digest())


def _row(account: str, factor: str) -> str:
    return f"totp {account} {factor}"


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
