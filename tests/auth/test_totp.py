"""Codes of an app: the numbers of the RFCs, the window, and that a code is good once, whoever else tries it."""

from __future__ import annotations

import base64
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys, SealBroken
from pillarbox.auth.factors import Enrolment, Verdict
from pillarbox.auth.totp import STEP_SECONDS, TotpApps, code_of, fitting_steps, hotp, step_at
from pillarbox.clock import HeldClock
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

SEED = b"12345678901234567890"
ALICE, BOB = AccountId("a" * 32), AccountId("b" * 32)


def test_hotp_gives_the_values_of_rfc_4226_appendix_d() -> None:
    wanted = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [hotp(Secret(SEED), counter) for counter in range(10)] == wanted


@pytest.mark.parametrize(
    ("seconds", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_totp_gives_the_values_of_rfc_6238_appendix_b(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    seeds = {"sha1": SEED, "sha256": SEED + SEED[:12], "sha512": SEED * 3 + SEED[:4]}
    got = [hotp(Secret(seed), step_at(seconds), 8, digest) for digest, seed in seeds.items()]
    assert got == [sha1, sha256, sha512]


def test_a_code_fits_its_own_step_and_the_one_on_either_side() -> None:
    secret, now = Secret(SEED), 2_000_000_000
    code, step = hotp(secret, step_at(now)), step_at(now)
    for steps_away, fits in ((-2, []), (-1, [step]), (0, [step]), (1, [step]), (2, [])):
        assert fitting_steps(secret, code, now + steps_away * STEP_SECONDS) == fits


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "१२३४५६", "", "12\x00456", "٣" * 6])
def test_what_is_not_six_digits_is_no_code(typed: str) -> None:
    assert code_of(typed) is None


def test_a_code_may_be_typed_with_the_space_that_apps_show() -> None:
    assert code_of(" 123 456\n") == "123456"


class Phone:
    """An account's apps, and an app that was enrolled by the URI as a phone does it."""

    def __init__(self, folder: Path) -> None:
        self.clock = HeldClock()
        self.keys = FactorKeys.open(folder / "second-factors.key")
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.apps = TotpApps(self.directory, self.keys, self.clock, "Mail of Ours")

    def enrolled(self, account: AccountId = ALICE) -> tuple[Enrolment, Secret[bytes]]:
        enrolment = self.apps.enrol(account, "alice@example.org", "")
        assert enrolment is not None
        query = parse_qs(urlsplit(enrolment.uri.reveal()).query)
        return enrolment, Secret(base64.b32decode(query["secret"][0]))

    def code(self, secret: Secret[bytes], steps: int = 0) -> str:
        return hotp(secret, step_at(self.clock.now_seconds()) + steps)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    phone = Phone(tmp_path)
    yield phone
    phone.directory.close()


def test_the_uri_says_who_and_where_in_the_form_that_apps_read(phone: Phone) -> None:
    enrolment, secret = phone.enrolled()
    uri = enrolment.uri.reveal()
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Mail of Ours:alice@example.org")
    assert "issuer=Mail%20of%20Ours" in uri  # a "+" is shown as such by some apps
    assert (len(secret.reveal()), "Secret" in repr(enrolment), uri in repr(enrolment)) == (20, True, False)


def test_an_app_counts_once_it_is_confirmed_and_that_code_is_used(phone: Phone) -> None:
    enrolment, secret = phone.enrolled()
    assert (phone.apps.list(ALICE), phone.apps.accept(ALICE, phone.code(secret))) == ([], Verdict.WRONG)
    assert phone.apps.confirm(ALICE, enrolment.factor, "000000") is Verdict.WRONG
    assert phone.apps.confirm(BOB, enrolment.factor, phone.code(secret)) is Verdict.EXPIRED
    assert phone.apps.confirm(ALICE, enrolment.factor, phone.code(secret)) is Verdict.RIGHT
    assert [each.id for each in phone.apps.list(ALICE)] == [enrolment.factor]
    assert phone.apps.accept(ALICE, phone.code(secret)) is Verdict.USED
    assert phone.apps.confirm(ALICE, enrolment.factor, phone.code(secret, 1)) is Verdict.EXPIRED


def test_an_enrolment_is_void_after_an_hour_or_a_newer_one(phone: Phone) -> None:
    first, secret = phone.enrolled()
    second, second_secret = phone.enrolled()
    assert phone.apps.confirm(ALICE, first.factor, phone.code(secret)) is Verdict.EXPIRED
    phone.clock.advance(3601)
    assert phone.apps.confirm(ALICE, second.factor, phone.code(second_secret)) is Verdict.EXPIRED


def test_neither_a_used_code_nor_an_older_one_is_accepted_and_restarts_change_nothing(phone: Phone) -> None:
    enrolment, secret = phone.enrolled()
    phone.apps.confirm(ALICE, enrolment.factor, phone.code(secret, -1))
    assert phone.apps.accept(ALICE, phone.code(secret, 1)) is Verdict.RIGHT
    again = TotpApps(phone.directory, phone.keys, phone.clock, "")
    for steps in (-1, 0, 1):
        assert again.accept(ALICE, phone.code(secret, steps)) is Verdict.USED
    phone.clock.advance(2 * STEP_SECONDS)
    assert (again.accept(BOB, phone.code(secret)), again.accept(ALICE, phone.code(secret))) == (
        Verdict.WRONG,
        Verdict.RIGHT,
    )


def _try_all(folder: Path, codes: list[str]) -> list[str]:
    """In a process of its own: each code, at its own time."""
    clock = HeldClock()
    directory = AccountDirectory.open(folder / "accounts.db", clock)
    apps = TotpApps(directory, FactorKeys.open(folder / "second-factors.key"), clock, "")
    accepted = []
    for code in codes:
        clock.advance(STEP_SECONDS)
        if apps.accept(ALICE, code) is Verdict.RIGHT:
            accepted.append(code)
    directory.close()
    return accepted


def test_two_processes_that_try_the_same_codes_accept_each_once(tmp_path: Path) -> None:
    phone = Phone(tmp_path)
    enrolment, secret = phone.enrolled()
    phone.apps.confirm(ALICE, enrolment.factor, phone.code(secret))
    codes = [phone.code(secret, steps) for steps in range(1, 41)]
    assert len(set(codes)) == 40
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as workers:
        accepted = [code for each in workers.map(_try_all, [tmp_path] * 2, [codes] * 2) for code in each]
    phone.directory.close()
    assert set(Counter(accepted).values()) == {1}
    assert accepted.count(codes[-1]) == 1


def test_secrets_are_sealed_to_their_row_under_a_key_of_the_owner_alone(phone: Phone, tmp_path: Path) -> None:
    _, secret = phone.enrolled()
    [(sealed,)] = phone.directory.rows("SELECT sealed_secret FROM totp")
    assert isinstance(sealed, bytes)
    assert secret.reveal() not in sealed
    assert (tmp_path / "second-factors.key").stat().st_mode & 0o777 == 0o600
    with phone.directory.change() as connection:
        connection.execute("UPDATE totp SET account = ?, confirmed = 1", (BOB,))
    with pytest.raises(SealBroken):
        phone.apps.accept(BOB, phone.code(secret))
