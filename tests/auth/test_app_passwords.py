"""App passwords: what they open, when they don't, and that nobody learns from a wrong one."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.auth.app_password_uses import LastUses
from pillarbox.auth.app_passwords import (
    ALPHABET,
    AppPasswordMissing,
    AppPasswordRefused,
    AppPasswords,
    Lock,
    Terms,
    letters_of,
)
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.contract import Denied, Granted, RefusalReason
from pillarbox.auth.credential import of_app_password, of_password, taken_back
from pillarbox.auth.networks import NetworkInvalid
from pillarbox.auth.scope import Access, Scope
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.auth.test_authenticator import CHEAP, FROM, WRONG, CountingHasher, Door

ELSEWHERE, EXPIRED = Denied(RefusalReason.ELSEWHERE), Denied(RefusalReason.EXPIRED)


class AppDoor(Door):
    """alice has an account password, and app passwords."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.uses = LastUses(self.directory, self.clock, self.events)
        self.authenticator.close()
        self.hasher = CountingHasher(CHEAP)
        self.authenticator = BuiltinAuthenticator(
            self.directory, self.clock, self.events, CHEAP, self.hasher, uses=self.uses
        )
        self.kept = AppPasswords(self.directory, self.clock)

    @property
    def alice(self) -> AccountId:
        return self.directory.accounts()[0].id

    def add(self, name: str = "phone", terms: Terms | None = None) -> str:
        return self.kept.add(self.alice, name, terms or Terms())[1].reveal()

    async def enter(self, password: str, address: str = FROM.address, client: str = "") -> Granted | Denied:
        attempt = replace(FROM, address=address, client=client)
        return await self.authenticator.decide(PasswordClaim("alice", Secret(password)), attempt)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[AppDoor]:
    first = Door(tmp_path)
    first.directory.add("alice", await first.hasher.hash(Secret("wonderland")))
    first.authenticator.close()
    first.directory.close()
    door = AppDoor(tmp_path)
    yield door
    await door.uses.close()
    door.authenticator.close()
    door.directory.close()


def test_a_secret_has_more_than_128_bits_and_no_letters_that_look_alike() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("01lo") & set(ALPHABET)
    assert 28 * math.log2(len(ALPHABET)) == 140


async def test_it_opens_without_a_slow_check_however_it_is_typed(door: AppDoor) -> None:
    secret = door.add()
    assert [len(group) for group in secret.split("-")] == [4] * 7
    for typed in (secret, secret.upper(), secret.replace("-", ""), secret.replace("-", " "), f" {secret}"):
        granted = await door.enter(typed)
        assert isinstance(granted, Granted)
        assert (granted.account, granted.app_password) == (door.alice, "phone")
    assert door.hasher.checked == []


async def test_the_secret_is_nowhere_in_the_account_database(door: AppDoor, tmp_path: Path) -> None:
    letters = letters_of(Secret(door.add()))
    assert letters is not None
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert letters.reveal().encode() not in kept
    assert letters.reveal()[:8].encode() not in kept


async def test_whatever_is_wrong_costs_the_one_check_that_a_wrong_password_costs(door: AppDoor) -> None:
    """Nobody learns by answer or by time whether there is such an account, or such an app password."""
    secret = door.add()
    wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    for name, password in (("alice", wrong), ("bob", wrong), ("bob", secret), ("al/ice", secret), ("alice", "wrong")):
        door.hasher.checked.clear()
        assert await door.login(name, password) == WRONG
        assert len(door.hasher.checked) == 1, (name, password)


async def test_before_there_is_any_app_password_a_guess_at_one_is_a_wrong_password(door: AppDoor) -> None:
    assert await door.enter("abcd-" * 6 + "abcd") == WRONG
    assert len(door.hasher.checked) == 1


async def test_an_account_password_of_the_same_shape_still_opens(door: AppDoor) -> None:
    shaped = "abcdefghijkmnpqrstuvwxyz2345"
    door.directory.set_password("alice", await door.hasher.hash(Secret(shaped)))
    door.add()
    granted = await door.enter(shaped)
    assert isinstance(granted, Granted)
    assert granted.app_password == ""


async def test_one_account_s_app_password_is_nothing_to_another(door: AppDoor) -> None:
    secret = door.add()
    door.directory.add("bob", await door.hasher.hash(Secret("builder")))
    assert await door.login("bob", secret) == WRONG


async def test_terms_are_kept_and_the_scope_is_granted(door: AppDoor) -> None:
    scope = Scope(Access.READ_ONLY, ("Work", "INBOX"))
    terms = Terms(scope, ("192.0.2.0/24", "2001:db8::/32"), Lock.NETWORK, 2_000_000_000)
    secret = door.add("scanner", terms)
    assert door.kept.named(door.alice, "scanner").terms == terms
    granted = await door.enter(secret)
    assert isinstance(granted, Granted)
    assert (granted.scope, granted.expires_seconds) == (scope, 2_000_000_000)


async def test_an_expired_one_opens_nothing_and_is_told_as_any_wrong_password(door: AppDoor) -> None:
    secret = door.add(terms=Terms(expires_seconds=int(door.clock.now_seconds()) + 60))
    assert isinstance(await door.enter(secret), Granted)
    door.clock.advance(60)
    assert await door.enter(secret) == EXPIRED
    assert len(door.hasher.checked) == 1


@pytest.mark.parametrize(
    ("address", "opens"), [("198.51.100.9", True), ("198.51.101.9", False), ("2001:db8::1", False)]
)
async def test_address_ranges_hold(door: AppDoor, address: str, opens: bool) -> None:
    secret = door.add(terms=Terms(networks=("198.51.100.0/24",)))
    assert isinstance(await door.enter(secret, address), Granted) is opens
    assert len(door.hasher.checked) == (not opens)


@pytest.mark.parametrize(
    ("lock", "first", "near", "far"),
    [
        (Lock.NETWORK, "192.0.2.7", "192.0.2.200", "192.0.3.7"),
        (Lock.NETWORK, "2001:db8:1:2::7", "2001:db8:1:ffff::1", "2001:db8:2:2::7"),
        (Lock.ADDRESS, "192.0.2.7", "192.0.2.7", "192.0.2.8"),
        (Lock.ADDRESS, "2001:db8:1:2::7", "2001:db8:1:2::8", "2001:db8:1:3::7"),
    ],
)
async def test_a_locked_one_stays_with_the_network_that_used_it_first(
    door: AppDoor, lock: Lock, first: str, near: str, far: str
) -> None:
    secret = door.add(terms=Terms(lock=lock))
    assert isinstance(await door.enter(secret, first), Granted)
    assert isinstance(await door.enter(secret, near), Granted)
    assert await door.enter(secret, far) == ELSEWHERE
    assert door.kept.named(door.alice, "phone").locked_to == lock.around(first)


async def test_a_revoked_one_is_out_at_once(door: AppDoor) -> None:
    secret = door.add()
    door.kept.revoke(door.kept.named(door.alice, "phone"))
    assert await door.enter(secret) == WRONG
    with pytest.raises(AppPasswordMissing):
        door.kept.named(door.alice, "phone")


async def test_a_disabled_account_s_opens_nothing(door: AppDoor) -> None:
    secret = door.add()
    door.directory.disable("alice")
    assert await door.enter(secret) == Denied(RefusalReason.DISABLED)
    assert len(door.hasher.checked) == 1


async def test_with_an_account_its_app_passwords_go(door: AppDoor) -> None:
    door.add()
    alice = door.alice
    door.directory.remove("alice")
    assert door.kept.of(alice) == []


async def test_the_last_use_is_kept_with_place_and_client(door: AppDoor) -> None:
    secret = door.add()
    granted = await door.enter(secret, "192.0.2.9")
    assert isinstance(granted, Granted)
    door.uses.client_named(granted.credential, "Thunderbird 140")
    await door.uses.flush()
    use = door.kept.named(door.alice, "phone").last_use
    assert use is not None
    assert (use.address, use.client, use.mechanism) == ("192.0.2.9", "Thunderbird 140", "PLAIN")
    assert use.seconds == int(door.clock.now_seconds())


async def test_many_uses_are_written_once(door: AppDoor) -> None:
    secret = door.add()
    for number in range(5):
        await door.enter(secret, f"192.0.2.{number}")
    assert door.kept.named(door.alice, "phone").last_use is None
    await door.uses.flush()
    use = door.kept.named(door.alice, "phone").last_use
    assert use is not None
    assert use.address == "192.0.2.4"


async def test_names_are_taken_once_and_are_for_people(door: AppDoor) -> None:
    door.add()
    for name in ("phone", " phone ", "", "x" * 65, "a\x07b"):
        with pytest.raises(AppPasswordRefused):
            door.add(name)
    with pytest.raises(NetworkInvalid):
        door.add("laptop", Terms(networks=("everywhere",)))


async def test_credentials_are_taken_back_by_what_takes_back_logins(door: AppDoor) -> None:
    door.add()
    app_password = door.kept.named(door.alice, "phone")
    account = door.directory.accounts()[0]
    held = {
        (account.id, credential) for credential in (of_password(account), of_app_password(app_password.id), "other")
    }
    assert taken_back(door.directory, held) == set()
    door.directory.replace_hash(account, await door.hasher.hash(Secret("wonderland")))
    assert taken_back(door.directory, held) == set()
    door.directory.set_password("alice", account.password_hash)
    assert {each[1] for each in taken_back(door.directory, held)} == {of_password(account)}
    door.kept.revoke(app_password)
    assert {each[1] for each in taken_back(door.directory, held)} == {of_password(account), f"app:{app_password.id}"}
    door.directory.disable("alice")
    assert taken_back(door.directory, held) == held
    door.directory.remove("alice")
    assert taken_back(door.directory, held) == held
