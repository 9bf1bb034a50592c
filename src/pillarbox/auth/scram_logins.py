"""Judges SCRAM proofs by the keys that are kept.

Must never: take less work for an account that is not there, or has no keys, than for one that has.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from pillarbox.auth.claims import ScramClaim
from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.sasl_settings import SaslSettings
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, ScramParameters
from pillarbox.store.contract import AccountId

_DIGEST_BYTES: Final = 32
_NOBODY: Final = "\0"
"""A credential that is none."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A proof that was made with a password of the account."""

    credential: str
    """As in ScramStore."""
    signature: bytes
    """To show the client that its password is known here."""


class ScramLogins(ScramStore):
    """Blocking; all raise DirectoryUnavailable."""

    def __init__(self, directory: AccountDirectory, settings: SaslSettings) -> None:
        super().__init__(directory, settings)
        self._nobody = Account(AccountId(""), "", "", False, 0, 0)
        self._decoys = {
            hash: ScramKeys(
                hash, ScramParameters(b"", 1), secrets.token_bytes(_DIGEST_BYTES), secrets.token_bytes(_DIGEST_BYTES)
            )
            for hash in ScramHash
        }

    def judge(self, claim: ScramClaim, account: Account | None) -> Fit | None:
        """The password that the proof was made with; None: none of this account's, or there is no such account."""
        found = self.of(account or self._nobody, claim.hash) or [(_NOBODY, self._decoys[claim.hash])]
        fitting = [(credential, keys) for credential, keys in found if keys.fits(claim.auth_message, claim.proof)]
        if account is None or not fitting or fitting[0][0] == _NOBODY:
            return None
        credential, keys = fitting[0]
        return Fit(credential, keys.signature(claim.auth_message))
