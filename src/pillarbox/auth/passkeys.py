"""Passkeys: WebAuthn Level 2 (W3C), registration and assertion, as a second factor after the password.

The library `webauthn` does the cryptography of sections 7.1 and 7.2; what it can't know is kept here: challenges that
are ours, the account's, young and good for one answer; and the sign counter (section 6.1.1), which only goes up.

Must never: believe a challenge, an origin or a counter that comes from the browser.
"""

from __future__ import annotations

import json
import secrets
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factors import MAX_FACTORS, Factor, FactorKind, Verdict, tidy_name
from pillarbox.auth.settings import MultiFactorSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.store.contract import AccountId

CHALLENGE_BYTES: Final = 32
"""WebAuthn section 13.4.3 asks for 16 at least."""
MAX_ANSWER_CHARACTERS: Final = 32_768
"""An attestation with a chain of certificates takes 10,000."""
_MAX_CHALLENGES: Final = 8
"""Open at once for one account: tabs of a browser."""
_REGISTRATION: Final = "registration"
_ASSERTION: Final = "assertion"
_UNREADABLE: Final = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the library raises at an answer that is wrong or malformed; beyond its own class it leaves those of Python and
`cryptography` uncaught, such as ValueError for a point that is on no curve."""


class Passkeys:
    """The passkeys of all accounts. Blocking. All raise DirectoryUnavailable."""

    def __init__(
        self,
        directory: AccountDirectory,
        clock: Clock,
        settings: MultiFactorSettings,
        events: EventLog,
    ) -> None:
        """Where `passkey_origins` is not empty."""
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._origins = [origin.rstrip("/") for origin in settings.passkey_origins]
        self._rp_id = settings.passkey_rp_id or urlsplit(self._origins[0]).hostname or ""
        self._events = events

    def ask_to_register(self, account: AccountId, login_name: str) -> str:
        """JSON for the browser's `navigator.credentials.create()`."""
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._settings.issuer,
            user_id=account.encode(),
            user_name=login_name,
            challenge=self._challenge(account, _REGISTRATION),
            timeout=self._settings.passkey_seconds * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=self._descriptors(account),
        )
        return options_to_json(options)

    def register(self, account: AccountId, answer: str, name: str) -> Factor | Verdict:
        """What the browser made of it, as JSON: the new passkey, or why there is none."""
        challenge = self._claim(account, _REGISTRATION, answer)
        if isinstance(challenge, Verdict):
            return challenge
        try:
            made = verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
            )
        except _UNREADABLE as error:
            return self._refused(account, error)
        factor, now = secrets.token_hex(8), int(self._clock.now_seconds())
        tidied = tidy_name(name, "passkey")
        with self._directory.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO passkey (factor, account, name, credential, public_key, sign_count,"
                " created_seconds) SELECT ?, ?, ?, ?, ?, ?, ?"
                " WHERE (SELECT count(*) FROM passkey WHERE account = ?) < ?",
                (
                    factor,
                    account,
                    tidied,
                    bytes_to_base64url(made.credential_id),
                    made.credential_public_key,
                    made.sign_count,
                    now,
                    account,
                    MAX_FACTORS,
                ),
            )
            if not connection.changes():  # section 7.1 step 22: somebody has this very credential
                return Verdict.WRONG
        return Factor(factor, FactorKind.PASSKEY, tidied, now, None)

    def ask_to_assert(self, account: AccountId) -> str | None:
        """JSON for the browser's `navigator.credentials.get()`; None when the account has no passkey."""
        descriptors = self._descriptors(account)
        if not descriptors:
            return None
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=self._challenge(account, _ASSERTION),
            timeout=self._settings.passkey_seconds * 1000,
            allow_credentials=descriptors,
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return options_to_json(options)

    def verify(self, account: AccountId, answer: str) -> Verdict:
        """Whether the browser's answer, as JSON, comes from a passkey of the account. A challenge is good for one."""
        challenge = self._claim(account, _ASSERTION, answer)
        if isinstance(challenge, Verdict):
            return challenge
        try:
            credential = bytes_to_base64url(base64url_to_bytes(json.loads(answer)["id"]))
            kept = self._directory.rows(
                "SELECT public_key, sign_count FROM passkey WHERE account = ? AND credential = ?", account, credential
            )
            if not kept:
                return Verdict.WRONG
            public_key, sign_count = kept[0]
            assert isinstance(public_key, bytes)
            assert isinstance(sign_count, int)
            proved = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
            )
        except _UNREADABLE as error:
            return self._refused(account, error)
        with self._directory.change() as connection:
            connection.execute(
                "UPDATE passkey SET sign_count = ?, used_seconds = ? WHERE account = ? AND credential = ?"
                " AND (sign_count < ? OR (sign_count = 0 AND ? = 0))",
                (
                    proved.new_sign_count,
                    int(self._clock.now_seconds()),
                    account,
                    credential,
                    proved.new_sign_count,
                    proved.new_sign_count,
                ),
            )
            return Verdict.RIGHT if connection.changes() else Verdict.WRONG  # a copy of it was faster

    def _descriptors(self, account: AccountId) -> list[PublicKeyCredentialDescriptor]:
        rows = self._directory.rows("SELECT credential FROM passkey WHERE account = ?", account)
        return [PublicKeyCredentialDescriptor(base64url_to_bytes(str(row[0]))) for row in rows]

    def _challenge(self, account: AccountId, purpose: str) -> bytes:
        challenge, now = secrets.token_bytes(CHALLENGE_BYTES), int(self._clock.now_seconds())
        with self._directory.change() as connection:
            connection.execute("DELETE FROM passkey_challenge WHERE until_seconds < ?", (now,))
            connection.execute(
                "DELETE FROM passkey_challenge WHERE challenge IN (SELECT challenge FROM passkey_challenge"
                " WHERE account = ? ORDER BY until_seconds DESC LIMIT -1 OFFSET ?)",
                (account, _MAX_CHALLENGES - 1),
            )
            connection.execute(
                "INSERT INTO passkey_challenge VALUES (?, ?, ?, ?)",
                (bytes_to_base64url(challenge), account, purpose, now + self._settings.passkey_seconds),
            )
        return challenge

    def _claim(self, account: AccountId, purpose: str, answer: str) -> bytes | Verdict:
        """The challenge that an answer is to, if it is one of ours, and nobody's any more."""
        if len(answer) > MAX_ANSWER_CHARACTERS:
            return Verdict.WRONG
        try:
            said = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
            challenge = base64url_to_bytes(said["challenge"])
            is_framed = bool(said.get("crossOrigin"))
        except _UNREADABLE as error:
            return self._refused(account, error)
        if is_framed:  # our page within somebody else's (section 5.8.1): nothing of ours asks so
            return Verdict.WRONG
        with self._directory.change() as connection:
            connection.execute(
                "DELETE FROM passkey_challenge"
                " WHERE challenge = ? AND account = ? AND purpose = ? AND until_seconds >= ?",
                (bytes_to_base64url(challenge), account, purpose, int(self._clock.now_seconds())),
            )
            return challenge if connection.changes() else Verdict.EXPIRED

    def _refused(self, account: AccountId, error: BaseException) -> Verdict:
        self._events.info("passkey.refused", account=account, kind=type(error).__name__)
        return Verdict.WRONG
