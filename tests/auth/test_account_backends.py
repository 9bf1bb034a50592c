"""What holds whoever judges account passwords: the server itself, a directory (searched, or by template), or PAM."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.auth.app_passwords import AppPasswords, Terms
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.claims import PasswordClaim, ScramClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.elsewhere import NO_PASSWORD, PasswordsElsewhere
from pillarbox.auth.ldap.check import LdapCheck
from pillarbox.auth.ldap.settings import LdapSettings
from pillarbox.auth.pam.check import PamCheck
from pillarbox.auth.pam.settings import PamSettings
from pillarbox.auth.password_check import Accepted, AdminRight, CheckUnavailable, PasswordCheck, Rejected
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.auth.scram_keys import ScramHash, ScramParameters, derive_keys
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import HeldClock
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.auth.recorded import Recorded
from tests.servers.pam_service import pam_people
from tests.servers.slapd import BASE, SERVICE_DN, Slapd

BACKENDS = ["builtin", "ldap", "ldap by template", "pam"]
CHEAP = AuthSettings(argon2_memory_kib=64, argon2_passes=1, argon2_lanes=1)
FROM = Attempt("192.0.2.7", "PLAIN", "TLSv1.3")
WRONG = Denied(RefusalReason.WRONG_CREDENTIALS)
PEOPLE = {"alice": "wonderland", "bob": "builder"}


class Asked:
    """A PasswordCheck that counts, in front of another one."""

    def __init__(self, inner: PasswordCheck) -> None:
        self._inner = inner
        self.names: list[str] = []
        self.remember_seconds = 60
        self.at_once = inner.at_once

    async def judge(self, login_name: str, password: Secret[bytes]) -> Accepted | Rejected:
        self.names.append(login_name)
        return await self._inner.judge(login_name, password)

    async def close(self) -> None:
        await self._inner.close()


class Said:
    """A PasswordCheck that says what it is told to."""

    remember_seconds = 60
    at_once = 4

    def __init__(self, *answers: Accepted | Rejected | str) -> None:
        self._answers = list(answers)

    async def judge(self, login_name: str, password: Secret[bytes]) -> Accepted | Rejected:
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            raise CheckUnavailable(answer)
        return answer

    async def close(self) -> None:
        pass


class Door:
    """An authenticator over accounts.db, with a back end or without."""

    def __init__(self, folder: Path, check: PasswordCheck | None, second_factor: bool = False) -> None:
        self.clock, self.events = HeldClock(), Recorded()
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.elsewhere = (
            None if check is None else PasswordsElsewhere(check, self.directory, self.clock, self.events, CHEAP)
        )
        self.authenticator = BuiltinAuthenticator(
            self.directory,
            self.clock,
            self.events,
            CHEAP,
            second_factors=self if second_factor else None,
            elsewhere=self.elsewhere,
        )

    def required(self, account: AccountId) -> bool:
        return True

    async def login(self, name: str, password: str) -> Granted | Denied:
        return await self.authenticator.decide(PasswordClaim(name, Secret(password)), FROM)

    async def close(self) -> None:
        if self.elsewhere is not None:
            await self.elsewhere.close()
        self.authenticator.close()
        self.directory.close()


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """The settings of every back end, of one slapd and one PAM service."""
    with ExitStack() as stack:
        slapd = stack.enter_context(Slapd())
        service = stack.enter_context(pam_people(tmp_path_factory.mktemp("pam"), PEOPLE))
        ldap = LdapSettings(
            servers=(slapd.ldaps,),
            ca_file=slapd.ca_file,
            bind_dn=SERVICE_DN,
            bind_password_file=slapd.password_file,
            base=BASE,
            timeout_seconds=60,
        )
        yield {
            "builtin": None,
            "ldap": ldap,
            "ldap by template": replace(ldap, user_dn="uid={login}," + BASE, bind_dn=""),
            "pam": PamSettings(service=service, timeout_seconds=60),
        }


@pytest.fixture(params=BACKENDS)
async def door(request: pytest.FixtureRequest, checks: dict[str, object], tmp_path: Path) -> AsyncIterator[Door]:
    settings = checks[request.param]
    clock, events = HeldClock(), Recorded()
    check: PasswordCheck | None = None
    if isinstance(settings, LdapSettings):
        check = Asked(LdapCheck(settings, clock, events))
    elif isinstance(settings, PamSettings):
        check = Asked(PamCheck(settings, events))
    door = Door(tmp_path, check)
    if check is None:
        hasher = PasswordHasher(CHEAP)
        door.directory.add_all([(name, await hasher.hash(Secret(password))) for name, password in PEOPLE.items()])
        hasher.close()
    yield door
    await door.close()


async def test_the_right_password_opens_the_account_of_that_name(door: Door) -> None:
    granted = await door.login("ALICE", "wonderland")
    assert isinstance(granted, Granted)
    account = door.directory.find("alice")
    assert account is not None
    assert (granted.account, granted.login_name) == (account.id, "alice")
    assert await door.login("alice", "wonderland") == granted


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "builder"),
        ("alice", "Wonderland"),
        ("alice", ""),
        ("alice", "wonder\0land"),
        ("alice", "x" * 5000),
        ("nobody", "wonderland"),
        ("", "wonderland"),
        ("*", "wonderland"),
        ("alice)(uid=*", "wonderland"),
        ("\ud800", "wonderland"),
    ],
)
async def test_all_that_is_wrong_gets_one_answer_and_makes_no_account(door: Door, name: str, password: str) -> None:
    before = [account.login_name for account in door.directory.accounts()]
    assert await door.login(name, password) == WRONG
    assert [account.login_name for account in door.directory.accounts()] == before


async def test_an_account_that_is_disabled_here_stays_out(door: Door) -> None:
    await door.login("alice", "wonderland")
    door.directory.disable("alice")
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.DISABLED)
    assert await door.login("alice", "wrong") == WRONG


async def test_an_app_password_opens_whoever_judges_the_account_password(door: Door) -> None:
    granted = await door.login("alice", "wonderland")
    assert isinstance(granted, Granted)
    app_password, secret = AppPasswords(door.directory, door.clock).add(granted.account, "phone", Terms())
    opened = await door.login("alice", secret.reveal())
    assert isinstance(opened, Granted)
    assert (opened.account, opened.app_password) == (granted.account, app_password.name)


async def test_a_right_password_is_asked_about_once_and_a_wrong_one_always(door: Door) -> None:
    for _ in range(3):
        assert isinstance(await door.login("alice", "wonderland"), Granted)
        assert await door.login("bob", "wonderland") == WRONG
    if isinstance(check := getattr(door.elsewhere, "_check", None), Asked):
        assert sorted(check.names) == ["alice", "bob", "bob", "bob"]


async def test_first_logins_at_the_same_time_make_one_account(door: Door) -> None:
    answers = await asyncio.gather(*(door.login(name, "wonderland") for name in ("alice", "ALICE") * 4))
    assert {each.account for each in answers if isinstance(each, Granted)} == {door.directory.accounts()[0].id}
    assert [each for each in answers if isinstance(each, Denied)] == []


async def test_passwords_are_in_no_event(door: Door) -> None:
    await door.login("alice", "wonderland")
    await door.login("alice", "looking-glass")
    assert "wonderland" not in repr(door.events.seen)
    assert "looking-glass" not in repr(door.events.seen)


# --- what only holds when somebody else judges ------------------------------------------------------


async def test_what_is_remembered_is_asked_anew_in_time(tmp_path: Path) -> None:
    door = Door(tmp_path, Said(Accepted("alice"), Rejected.DISABLED))
    assert isinstance(await door.login("alice", "wonderland"), Granted)
    door.clock.advance(Said.remember_seconds)
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.DISABLED)
    await door.close()


async def test_a_back_end_that_is_down_calls_no_password_wrong_and_the_operator_hears_why(tmp_path: Path) -> None:
    door = Door(tmp_path, Said("the cable is out"))
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.UNAVAILABLE)
    assert ("passwords.unavailable", {"error": "the cable is out"}) in door.events.seen
    await door.close()


async def test_an_account_made_by_a_first_login_has_no_password_here(tmp_path: Path) -> None:
    door = Door(tmp_path, Said(Accepted("alice")))
    await door.login("alice", "wonderland")
    assert [account.password_hash for account in door.directory.accounts()] == [NO_PASSWORD]
    await door.close()
    alone = Door(tmp_path, None)
    for password in ("wonderland", NO_PASSWORD):
        assert await alone.login("alice", password) == WRONG
    await alone.close()


async def test_a_password_that_is_kept_here_is_not_asked_for_while_somebody_else_judges(tmp_path: Path) -> None:
    door = Door(tmp_path, Said(Rejected.WRONG))
    hasher = PasswordHasher(CHEAP)
    door.directory.add("alice", await hasher.hash(Secret("wonderland")))
    hasher.close()
    assert await door.login("alice", "wonderland") == WRONG
    await door.close()


async def test_keys_of_a_password_that_is_kept_here_are_no_way_in_while_somebody_else_judges(tmp_path: Path) -> None:
    hasher = PasswordHasher(CHEAP)
    stored = await hasher.hash(Secret("wonderland"))
    hasher.close()
    decisions = []
    for check in (None, Said()):
        door = Door(tmp_path, check)
        account = door.directory.find("alice") or door.directory.add("alice", stored)
        keeping = ScramStore(door.directory, CHEAP.sasl)
        keys = [derive_keys(hash, Secret(b"wonderland"), parameters) for hash, parameters in keeping.wanted(account)]
        keeping.keep(account, keys)
        (_, found), *_ = keeping.of(account, ScramHash.SHA_256)
        decisions.append(await door.authenticator.decide(proof_of("wonderland", found.parameters), FROM))
        await door.close()
    assert isinstance(decisions[0], Granted)
    assert decisions[1] == WRONG


def proof_of(password: str, parameters: ScramParameters) -> ScramClaim:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), parameters.salt, parameters.iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), b"all that was said", "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return ScramClaim("alice", ScramHash.SHA_256, b"all that was said", proof)


async def test_a_second_factor_is_asked_for_after_a_password_that_was_judged_elsewhere(tmp_path: Path) -> None:
    door = Door(tmp_path, Said(Accepted("alice"), Rejected.WRONG), second_factor=True)
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.SECOND_FACTOR)
    assert await door.login("alice", "wrong") == WRONG
    await door.close()


async def test_the_back_end_gives_and_takes_the_right_to_administer(tmp_path: Path) -> None:
    given, taken = Accepted("alice", AdminRight.GIVEN), Accepted("alice", AdminRight.TAKEN)
    door = Door(tmp_path, Said(given, taken, Accepted("alice")))
    seen = []
    for _ in range(3):
        await door.login("alice", "wonderland")
        seen.append(door.directory.accounts()[0].admin)
        door.clock.advance(Said.remember_seconds)
    assert seen == [True, False, False]
    await door.close()


@pytest.mark.parametrize("named", ["", "anyone", "al ice", "a\0b"])
async def test_a_name_that_no_account_can_have_is_trouble_not_a_wrong_password(tmp_path: Path, named: str) -> None:
    door = Door(tmp_path, Said(Accepted(named)))
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.UNAVAILABLE)
    assert door.directory.accounts() == []
    await door.close()
