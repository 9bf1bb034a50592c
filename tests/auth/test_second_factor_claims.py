"""A second factor stands behind the account password, however that is shown, and behind nothing else."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from pillarbox.auth.app_passwords import AppPasswords, Terms
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.claims import PasswordClaim, ScramClaim, VouchedClaim
from pillarbox.auth.contract import Attempt, Granted, RefusalReason
from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.factor_rule import MultiFactorRule
from pillarbox.auth.scram_directory import ACCOUNT_PASSWORD, ScramStore
from pillarbox.auth.scram_keys import derive_keys
from pillarbox.auth.settings import Asked, AuthSettings, MultiFactorSettings
from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.secret import Secret

SETTINGS = AuthSettings(argon2_memory_kib=64, argon2_passes=1, argon2_lanes=1)
FROM = Attempt("192.0.2.7", "SCRAM-SHA-256", "TLSv1.3")
SAID = b"n=alice,r=ours,r=oursandtheirs,s=c2FsdA==,i=4096,c=biws,r=oursandtheirs"


def scram(directory: AccountDirectory, account: Account, password: str, credential: str) -> ScramClaim:
    """The proof of a password, whose keys are kept."""
    store = ScramStore(directory, SETTINGS.sasl)
    [(hash, parameters)] = store.wanted(account, credential)
    keys = derive_keys(hash, Secret(password.encode()), parameters)
    store.keep(account, [keys], credential)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), parameters.salt, parameters.iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(keys.stored_key, SAID, "sha256")
    return ScramClaim("alice", hash, SAID, bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))


async def test_scram_with_the_account_password_is_refused_and_app_passwords_and_vouched_ones_go_through(
    tmp_path: Path,
) -> None:
    clock = HeldClock()
    directory = AccountDirectory.open(tmp_path / "accounts.db", clock)
    account = directory.add("alice", "-")
    rule = MultiFactorRule(directory, MultiFactorSettings(require=Asked.ALL))
    strict = BuiltinAuthenticator(directory, clock, NoEvents(), SETTINGS, second_factors=rule)
    lenient = BuiltinAuthenticator(directory, clock, NoEvents(), SETTINGS)
    made, secret = AppPasswords(directory, clock).add(account.id, "phone", Terms())

    by_account_password = scram(directory, account, "wonderland", ACCOUNT_PASSWORD)
    assert isinstance(await lenient.decide(by_account_password, FROM), Granted)
    refused = await strict.decide(by_account_password, FROM)
    assert (refused.account, getattr(refused, "reason", None)) == (account.id, RefusalReason.SECOND_FACTOR)

    claims = (
        scram(directory, account, "letters of the phone", made.id),
        PasswordClaim("alice", secret),
        VouchedClaim("alice"),
    )
    for claim in claims:
        assert isinstance(await strict.decide(claim, FROM), Granted)
    for authenticator in (strict, lenient):
        authenticator.close()
    directory.close()
