"""SCRAM: the examples of the RFCs, what an attacker in between would send, and what a stranger can learn."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from pillarbox.auth.app_passwords import AppPasswords, Terms, letters_of
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.claims import PasswordClaim, ScramClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.sasl import Challenge, Failed, Lookup, SaslFault, Step
from pillarbox.auth.sasl_settings import PasswordMechanism, SaslSettings
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.auth.scram_keys import ScramHash, ScramKeys, ScramParameters, derive_keys
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import HeldClock
from pillarbox.conversation import Unbound
from pillarbox.events import NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.auth.scram_client import Bound, ScramLogin, client_proof

SHA_256 = ScramHash.SHA_256
SASL = SaslSettings(scram_iterations=4096)
SETTINGS = AuthSettings(
    argon2_memory_kib=8192, argon2_passes=1, argon2_lanes=1, hash_threads=1, remember_seconds=0, sasl=SASL
)
RFC_7677 = ScramParameters(base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
RFC_5802 = ScramParameters(base64.b64decode("QSXCR+Q6sek8bf92"), 4096)
HERE = Attempt("192.0.2.7", "SCRAM-SHA-256", "TLSv1.3")
WRONG = Denied(RefusalReason.WRONG_CREDENTIALS)


def looked_up(step: Step, parameters: ScramParameters) -> bytes:
    assert isinstance(step, Lookup)
    challenge = step.then(parameters)
    assert isinstance(challenge, Challenge)
    return challenge.data


@pytest.mark.parametrize(
    ("hash", "parameters", "nonces", "proof", "signature"),
    [
        (
            ScramHash.SHA_256,
            RFC_7677,
            (b"rOprNGfwEbeRWgbNEkqO", b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
            b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
        (
            ScramHash.SHA_1,
            RFC_5802,
            (b"fyko+d2lbbFgONRv9qkxdawL", b"3rfcNHYJY1ZVvWVs7j"),
            b"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
    ],
)
def test_the_examples_of_rfc_5802_and_rfc_7677(
    hash: ScramHash, parameters: ScramParameters, nonces: tuple[bytes, bytes], proof: bytes, signature: bytes
) -> None:
    mechanism = ScramMechanism(hash, Plus.BARE, Unbound(), lambda: nonces[1])
    first = looked_up(mechanism.start(b"n,,n=user,r=" + nonces[0]), parameters)
    salt = base64.b64encode(parameters.salt)
    assert first == b"r=%b,s=%b,i=4096" % (b"".join(nonces), salt)
    claim = mechanism.respond(b"c=biws,r=%b,p=%b" % (b"".join(nonces), proof))
    assert isinstance(claim, ScramClaim)
    keys = derive_keys(hash, Secret(b"pencil"), parameters)
    assert (claim.login_name, claim.bound, keys.fits(claim.auth_message, claim.proof)) == ("user", True, True)
    granted = Granted(AccountId("1"), "user", signature=keys.signature(claim.auth_message))
    assert mechanism.decided(granted) == signature
    assert mechanism.respond(b"") == Failed(SaslFault.OVER)


def test_a_proof_that_is_one_bit_off_or_of_another_length_does_not_fit() -> None:
    keys = derive_keys(SHA_256, Secret(b"pencil"), RFC_7677)
    proof = client_proof(RFC_7677.salt, RFC_7677.iterations, b"message", b"pencil")
    assert keys.fits(b"message", proof)
    assert not keys.fits(b"message", bytes((proof[0] ^ 1, *proof[1:])))
    assert not keys.fits(b"message", proof[:-1])
    assert not keys.fits(b"another", proof)
    assert "pencil" not in repr(keys)


@pytest.mark.parametrize(
    ("plus", "types", "first", "fault"),
    [
        (Plus.BARE, ("tls-exporter",), b"y,,n=user,r=abc", SaslFault.DOWNGRADED),
        (Plus.PLUS, ("tls-exporter",), b"y,,n=user,r=abc", SaslFault.DOWNGRADED),
        (Plus.PLUS, ("tls-exporter",), b"n,,n=user,r=abc", SaslFault.MALFORMED),
        (Plus.BARE, ("tls-exporter",), b"p=tls-exporter,,n=user,r=abc", SaslFault.MALFORMED),
        (Plus.PLUS, ("tls-exporter",), b"p=tls-unique,,n=user,r=abc", SaslFault.UNBINDABLE),
        (Plus.BARE, (), b"n,a=root,n=user,r=abc", SaslFault.AUTHZID_REFUSED),
    ],
)
def test_what_leads_to_no_login_is_refused_at_once(
    plus: Plus, types: tuple[str, ...], first: bytes, fault: SaslFault
) -> None:
    assert ScramMechanism(SHA_256, plus, Bound(types)).start(first) == Failed(fault)


@pytest.mark.parametrize(
    "first",
    [
        b"", b"n", b"n,,", b"n,,n=user", b"n,,n=,r=abc", b"n,,n=user,r=", b"n,,m=x,n=user,r=abc", b"x,,n=user,r=abc",
        b"n,,n=us\0er,r=abc", b"n,,n=\xff,r=abc", b"n,,n=a=b,r=abc", b"n,,n=a=2c,r=abc", b"n,,n=user,r=a b",
        b"n,b=x,n=user,r=abc", b"n,,r=abc,n=user", b"p=,,n=user,r=abc", b"n,,n=user,r=abc,", b"n,,n=user,r=abc\n",
    ],
)  # fmt: skip
def test_a_malformed_first_message_is_refused(first: bytes) -> None:
    assert ScramMechanism(SHA_256, Plus.BARE, Unbound()).start(first) == Failed(SaslFault.MALFORMED)


@pytest.mark.parametrize(
    "final",
    [b"", b"c=biws", b"c=biws,r=abcX", b"c=biws,r=abcX,p=", b"c=b!ws,r=abcX,p=AAAA", b"c=biws,r=abcX,p=AAA", b"\0"],
)
def test_a_malformed_final_message_is_refused(final: bytes) -> None:
    mechanism = ScramMechanism(SHA_256, Plus.BARE, Unbound(), lambda: b"X")
    looked_up(mechanism.start(b"n,,n=user,r=abc"), RFC_7677)
    assert mechanism.respond(final) == Failed(SaslFault.MALFORMED)


def test_names_with_commas_and_equals_signs_come_whole() -> None:
    step = ScramMechanism(SHA_256, Plus.BARE, Unbound()).start("y,a=ü=2C=3D,n=ü=2C=3D,r=abc,x=later".encode())
    assert isinstance(step, Lookup)
    assert step.login_name == "ü,="


def test_a_nonce_of_another_exchange_makes_the_proof_worthless() -> None:
    mechanism = ScramMechanism(SHA_256, Plus.BARE, Unbound(), lambda: b"X")
    looked_up(mechanism.start(b"n,,n=user,r=abc"), RFC_7677)
    claim = mechanism.respond(b"c=biws,r=abcY,p=AAAA")
    assert isinstance(claim, ScramClaim)
    assert claim.proof == b""


def test_every_exchange_has_a_nonce_of_its_own() -> None:
    def nonce() -> bytes:
        return looked_up(ScramMechanism(SHA_256, Plus.BARE, Unbound()).start(b"n,,n=user,r=abc"), RFC_7677)

    assert nonce() != nonce()


# --- with accounts --------------------------------------------------------------------------------


class Rig:
    def __init__(self, folder: Path, settings: AuthSettings = SETTINGS) -> None:
        self.clock = HeldClock()
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.store = ScramStore(self.directory, settings.sasl)
        self.hasher = PasswordHasher(settings)
        self.factors: set[AccountId] = set()
        self.door = BuiltinAuthenticator(self.directory, self.clock, NoEvents(), settings, self.hasher, self)

    def required(self, account: AccountId) -> bool:
        return account in self.factors

    async def account(self, name: str, password: str) -> Account:
        return self.directory.add(name, await self.hasher.hash(Secret(password)))

    async def plain(self, name: str, password: str) -> Granted | Denied:
        return await self.door.decide(PasswordClaim(name, Secret(password)), HERE)

    async def scram(self, name: str, password: str, login: ScramLogin | None = None) -> Granted | Denied:
        return await (login or ScramLogin()).run(self.door, name, password, HERE)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_an_account_of_before_gets_its_keys_when_it_logs_in_with_plain(rig: Rig) -> None:
    account = await rig.account("alice", "wonderland")
    assert await rig.scram("alice", "wonderland") == WRONG
    assert await rig.plain("alice", "wonderland") == Granted(account.id, "alice")
    assert await rig.scram("Alice", "wonderland") == Granted(account.id, "alice")
    assert await rig.scram("alice", "wonderlan") == WRONG


async def test_another_password_ends_the_old_one_at_once(rig: Rig) -> None:
    account = await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    rig.directory.set_password("alice", await rig.hasher.hash(Secret("looking-glass")))
    assert await rig.scram("alice", "wonderland") == WRONG
    keys = await rig.hasher.scram_keys(Secret(b"wonderland"), rig.store.wanted(account))
    rig.store.keep(account, keys)  # from a login that began before the change
    assert await rig.scram("alice", "wonderland") == WRONG


async def test_the_refusals_of_an_account_password_hold_for_scram_too(rig: Rig) -> None:
    account = await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    rig.factors.add(account.id)
    assert await rig.scram("alice", "wonderland") == Denied(RefusalReason.SECOND_FACTOR)
    assert await rig.scram("alice", "wrong") == WRONG
    rig.directory.disable("alice")
    assert await rig.scram("alice", "wonderland") == Denied(RefusalReason.DISABLED)


async def test_a_proof_bound_to_another_connection_is_refused_and_told_to_the_operator(rig: Rig) -> None:
    await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    between = ScramLogin(Plus.PLUS, server=Bound(("tls-exporter",), b"one"), client=Bound(("tls-exporter",), b"two"))
    assert await rig.scram("alice", "wonderland", between) == Denied(RefusalReason.BINDING)
    assert await rig.scram("alice", "guessed", between) == WRONG
    ours = Bound(("tls-exporter",), b"one")
    assert isinstance(await rig.scram("alice", "wonderland", ScramLogin(Plus.PLUS, ours, ours)), Granted)


async def test_app_passwords_work_with_scram_beside_the_account_password(rig: Rig) -> None:
    account = await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    kept = AppPasswords(rig.directory, rig.clock)
    made, secret = kept.add(account.id, "phone", Terms(expires_seconds=int(rig.clock.now_seconds()) + 10))
    assert letters_of(secret) is not None
    prepared = Secret(secret.reveal().encode())
    rig.store.keep(account, await rig.hasher.scram_keys(prepared, rig.store.wanted(account, made.id)), made.id)
    rig.factors.add(account.id)
    granted = await rig.scram("alice", secret.reveal())
    assert isinstance(granted, Granted)
    assert (granted.account, granted.app_password) == (account.id, "phone")
    rig.clock.advance(11)
    assert await rig.scram("alice", secret.reveal()) == Denied(RefusalReason.EXPIRED)
    kept.revoke(made)
    assert await rig.scram("alice", secret.reveal()) == WRONG


async def test_nobody_learns_from_salts_or_counts_who_has_an_account(rig: Rig, tmp_path: Path) -> None:
    names = ("alice", "bob", "no one\0")
    before = [await rig.door.parameters(SHA_256, name) for name in names]
    assert len({each.salt for each in before if isinstance(each, ScramParameters)}) == 3
    await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    rig.directory.set_password("alice", await rig.hasher.hash(Secret("looking-glass")))
    await rig.plain("alice", "looking-glass")
    again = Rig(tmp_path)  # as after a restart
    assert [await again.door.parameters(SHA_256, name) for name in names] == before
    assert await again.door.parameters(SHA_256, "ALICE") == before[0]


async def test_another_iteration_count_tells_nothing_either(rig: Rig, tmp_path: Path) -> None:
    await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    dearer = Rig(tmp_path, AuthSettings(sasl=SaslSettings(scram_iterations=5000)))
    counts = {dearer.store.parameters(SHA_256, f"nobody{number}").iterations for number in range(5)}
    assert counts == {dearer.store.parameters(SHA_256, "alice").iterations} == {4096}
    await dearer.account("bob", "builder")
    await dearer.plain("bob", "builder")
    assert dearer.store.parameters(SHA_256, "bob").iterations == 5000
    made_up = [dearer.store.parameters(SHA_256, f"nobody{number}").iterations for number in range(40)]
    assert set(made_up) == {4096, 5000}
    assert made_up == [dearer.store.parameters(SHA_256, f"nobody{number}").iterations for number in range(40)]


async def test_where_scram_is_off_nothing_of_it_is_kept(rig: Rig, tmp_path: Path) -> None:
    account = await rig.account("alice", "wonderland")
    await rig.plain("alice", "wonderland")
    assert [type(keys) for _, keys in rig.store.of(account, SHA_256)] == [ScramKeys]
    off = ScramStore(rig.directory, SaslSettings(mechanisms=(PasswordMechanism.PLAIN,)))
    off.forget_unwanted()
    assert (rig.store.of(account, SHA_256), off.wanted(account)) == ([], [])
