"""Recovery codes: ten, each once, kept as hashes under the key file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_keys import FactorKeys, KeysUnavailable, SealBroken
from pillarbox.auth.factors import Verdict
from pillarbox.auth.recovery import CODES, RecoveryCodes, code_of, new_code
from pillarbox.clock import HeldClock
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

ALICE, BOB = AccountId("a" * 32), AccountId("b" * 32)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[AccountDirectory]:
    directory = AccountDirectory.open(tmp_path / "accounts.db", HeldClock())
    yield directory
    directory.close()


@pytest.fixture
def codes(directory: AccountDirectory, tmp_path: Path) -> RecoveryCodes:
    return RecoveryCodes(directory, FactorKeys.open(tmp_path / "second-factors.key"))


def read(code: Secret[str]) -> Secret[bytes]:
    found = code_of(code.reveal())
    assert found is not None
    return found


def test_a_code_is_good_once_and_for_its_account(codes: RecoveryCodes) -> None:
    mine = codes.renew(ALICE)
    assert (len({each.reveal() for each in mine}), codes.left(ALICE), codes.left(BOB)) == (CODES, CODES, 0)
    assert codes.use(BOB, read(mine[0])) is Verdict.WRONG
    assert [codes.use(ALICE, read(mine[0])) for _ in range(2)] == [Verdict.RIGHT, Verdict.WRONG]
    assert codes.left(ALICE) == CODES - 1


def test_new_codes_void_the_old_ones(codes: RecoveryCodes) -> None:
    old, new = codes.renew(ALICE), codes.renew(ALICE)
    assert (codes.use(ALICE, read(old[3])), codes.use(ALICE, read(new[3]))) == (Verdict.WRONG, Verdict.RIGHT)


def test_a_code_is_read_however_a_person_writes_it() -> None:
    for typed in ("01km-npqr-stvw-23xy", " OIKM NPQR STVW 23XY ", "olkmnpqrstvw23xy", "01KM–NPQR–STVW–23XY"):
        assert read(Secret(typed)).reveal() == b"01kmnpqrstvw23xy"
    for typed in ("", "01km-npqr-stvw-23x", "01km-npqr-stvw-23xu", "123456", "x" * 10_000):
        assert code_of(typed) is None


def test_neither_the_codes_nor_what_opens_them_are_in_the_database(
    codes: RecoveryCodes, directory: AccountDirectory, tmp_path: Path
) -> None:
    code = read(codes.renew(ALICE)[0])
    kept = [row[0] for row in directory.rows("SELECT digest FROM recovery_code")]
    assert code.reveal() not in kept
    stranger = RecoveryCodes(directory, FactorKeys.open(tmp_path / "another.key"))
    assert (stranger.use(ALICE, code), codes.use(ALICE, code)) == (Verdict.WRONG, Verdict.RIGHT)


def test_codes_differ_and_do_not_print() -> None:
    assert len({new_code().reveal() for _ in range(50)}) == 50
    assert repr(new_code()) == "Secret(***)"


def test_a_key_file_that_is_open_to_others_damaged_or_unreadable_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "second-factors.key"
    FactorKeys.open(path)
    path.chmod(0o640)
    with pytest.raises(KeysUnavailable, match="chmod 600"):
        FactorKeys.open(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(KeysUnavailable, match="backup"):
        FactorKeys.open(path)
    with pytest.raises(KeysUnavailable):
        FactorKeys.open(tmp_path / "nowhere" / "key")
    assert list(tmp_path.glob(".*")) == []


def test_a_key_file_is_made_once_and_seals_for_one_row(tmp_path: Path) -> None:
    first, second = (FactorKeys.open(tmp_path / "key") for _ in range(2))
    sealed = first.seal(Secret(b"secret"), "row 1")
    assert second.unseal(sealed, "row 1").reveal() == b"secret"
    for broken, row in ((sealed, "row 2"), (sealed[:-1], "row 1"), (b"", "row 1"), (sealed[:12], "row 1")):
        with pytest.raises(SealBroken):
            second.unseal(broken, row)
