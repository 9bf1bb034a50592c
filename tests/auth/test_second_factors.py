"""Second factors as a console asks for them: enrolled, proved, throttled, taken away."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.app.second_factors import open_second_factors
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.credential import of_password, taken_back
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_rule import MultiFactorRule
from pillarbox.auth.factors import Confirmed, FactorKind, Verdict
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.second_factors import SecondFactors
from pillarbox.auth.settings import Asked, AuthSettings, MultiFactorSettings
from pillarbox.auth.totp import STEP_SECONDS, hotp, step_at
from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.auth.software_authenticator import SoftwareAuthenticator

AT_HOME, ABROAD = "192.0.2.7", "198.51.100.9"
SETTINGS = MultiFactorSettings(wrong_codes=3, passkey_origins=("https://mail.example.org",))


class Recorded(NoEvents):
    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **fields: Field) -> None:
        self.said.append(" ".join([event, *(str(value) for value in fields.values())]))

    def error(self, event: str, **fields: Field) -> None:
        self.said.append(event)


class Console:
    """A server's second factors, and alice with her phone."""

    def __init__(self, folder: Path, chosen: MultiFactorSettings = SETTINGS) -> None:
        self.clock, self.events = HeldClock(), Recorded()
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.ledger = Ledger.open(folder / "logins.db")
        settings = ServerSettings(folder, auth=AuthSettings(multi_factor=chosen))
        self.factors: SecondFactors = open_second_factors(
            settings, self.directory, self.ledger, self.clock, self.events
        )
        self.rule = MultiFactorRule(self.directory, chosen)
        self.alice: AccountId = self.directory.add("alice", "-").id
        self.secret = Secret(b"")

    def enrol(self) -> Confirmed:
        enrolment = self.factors.enrol(self.alice, "alice", "phone")
        assert enrolment is not None
        self.secret = Secret(base64.b32decode(enrolment.secret.reveal()))
        confirmed = self.factors.confirm(self.alice, enrolment.factor, self.code())
        assert isinstance(confirmed, Confirmed)
        return confirmed

    def code(self) -> str:
        """The next one."""
        self.clock.advance(STEP_SECONDS)
        return hotp(self.secret, step_at(self.clock.now_seconds()))

    def register(self) -> tuple[SoftwareAuthenticator, Confirmed]:
        key, options = SoftwareAuthenticator(), self.factors.ask_to_register(self.alice, "alice")
        assert options is not None
        confirmed = self.factors.register_passkey(self.alice, key.create(options), "key ring")
        assert isinstance(confirmed, Confirmed)
        return key, confirmed

    def close(self) -> None:
        self.directory.close()
        self.ledger.close()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    console = Console(tmp_path)
    yield console
    console.close()


def test_the_first_factor_brings_recovery_codes_and_shuts_the_doors_to_the_account_password(console: Console) -> None:
    assert (console.factors.state(console.alice).is_on, console.rule.required(console.alice)) == (False, False)
    console.factors.enrol(console.alice, "alice")
    assert not console.rule.required(console.alice)
    before = console.directory.accounts()[0]
    assert len(console.enrol().recovery_codes) == 10
    assert taken_back(console.directory, [(before.id, of_password(before))])
    state = console.factors.state(console.alice)
    assert (state.recovery_codes, [(each.kind, each.name) for each in state.factors]) == (
        10,
        [(FactorKind.TOTP, "phone")],
    )
    assert console.rule.required(console.alice)
    assert console.register()[1].recovery_codes == ()
    assert console.factors.state(console.alice).recovery_codes == 10


def test_a_code_a_recovery_code_and_a_passkey_each_prove_it_once(console: Console) -> None:
    recovery = console.enrol().recovery_codes[0].reveal()
    key, _ = console.register()
    code = console.code()
    for proof in (code, recovery):
        assert console.factors.verify(console.alice, proof, AT_HOME) is Verdict.RIGHT
    assert console.factors.verify(console.alice, code, AT_HOME) is Verdict.USED
    assert console.factors.verify(console.alice, recovery, AT_HOME) is Verdict.WRONG
    options = console.factors.ask_to_assert(console.alice)
    assert options is not None
    answer = key.get(options)
    assert console.factors.verify_passkey(console.alice, answer, AT_HOME) is Verdict.RIGHT
    assert console.factors.verify_passkey(console.alice, answer, AT_HOME) is Verdict.EXPIRED
    used = [each.used_seconds is not None for each in console.factors.state(console.alice).factors]
    assert used == [True, True]


def test_a_passkey_alone_is_a_second_factor_with_recovery_codes(console: Console) -> None:
    assert len(console.register()[1].recovery_codes) == 10
    assert console.rule.required(console.alice)


def test_guessing_is_held_up_but_not_for_the_owner_at_home(console: Console) -> None:
    console.enrol()
    assert console.factors.verify(console.alice, console.code(), AT_HOME) is Verdict.RIGHT
    tries = [console.factors.verify(console.alice, wrong, ABROAD) for wrong in ("000000", "no code", "x" * 16, "1")]
    assert tries == [Verdict.WRONG] * 3 + [Verdict.THROTTLED]
    code = console.code()
    assert console.factors.verify(console.alice, code, ABROAD) is Verdict.THROTTLED
    assert console.factors.verify(console.alice, code, AT_HOME) is Verdict.RIGHT
    for _ in range(3):
        assert console.factors.verify(console.alice, "000000", AT_HOME) is Verdict.WRONG
    assert console.factors.verify(console.alice, console.code(), AT_HOME) is Verdict.THROTTLED
    console.clock.advance(SETTINGS.wrong_code_refill_seconds)
    assert console.factors.verify(console.alice, console.code(), AT_HOME) is Verdict.RIGHT


def test_codes_are_not_looked_at_when_nobody_can_count_them(console: Console) -> None:
    console.enrol()
    console.ledger.close()
    assert console.factors.verify(console.alice, console.code(), AT_HOME) is Verdict.UNAVAILABLE


def test_factors_under_a_key_that_is_gone_are_told_to_the_operator_and_let_nobody_in(
    console: Console, tmp_path: Path
) -> None:
    console.enrol()
    console.close()
    (tmp_path / "second-factors.key").unlink()
    events, directory = Recorded(), AccountDirectory.open(tmp_path / "accounts.db", console.clock)
    ledger = Ledger.open(tmp_path / "logins.db")
    factors = open_second_factors(ServerSettings(tmp_path), directory, ledger, console.clock, events)
    for _ in range(30):
        assert factors.verify(console.alice, console.code(), AT_HOME) is Verdict.UNAVAILABLE
    assert events.said[0] == "mfa.unreadable"
    directory.close()
    ledger.close()


def test_with_the_last_factor_everything_goes_and_with_the_account_too(console: Console) -> None:
    confirmed, (_, passkey) = console.enrol(), console.register()
    assert not console.factors.remove(console.alice, "no such factor")
    assert console.factors.remove(console.alice, confirmed.factor)
    assert (console.factors.state(console.alice).recovery_codes, console.rule.required(console.alice)) == (10, True)
    assert console.factors.remove(console.alice, passkey.factor)
    assert (console.factors.state(console.alice).recovery_codes, console.rule.required(console.alice)) == (0, False)
    assert console.factors.renew_recovery_codes(console.alice) == ()
    console.enrol()
    assert len(console.factors.renew_recovery_codes(console.alice)) == 10
    console.directory.remove("alice")
    for table in ("totp", "recovery_code", "passkey", "passkey_challenge"):
        assert console.directory.rows(f"SELECT * FROM {table}") == []


def test_disabling_takes_all_of_it_and_says_whether_there_was_any(console: Console) -> None:
    code = console.enrol().recovery_codes[0].reveal()
    assert [console.factors.disable(console.alice) for _ in range(2)] == [True, False]
    assert console.factors.verify(console.alice, code, AT_HOME) is Verdict.WRONG
    assert not console.factors.state(console.alice).app_passwords_only


def test_it_can_be_asked_of_every_account(tmp_path: Path) -> None:
    console = Console(tmp_path, replace(SETTINGS, require=Asked.ALL))
    state = console.factors.state(console.alice)
    assert (state.is_on, state.enforced, state.app_passwords_only) == (False, True, True)
    assert console.rule.required(console.alice)
    console.close()


def test_what_is_written_to_the_log_holds_no_secret(console: Console) -> None:
    recovery = console.enrol().recovery_codes[0].reveal()
    code = console.code()
    for typed in (code, recovery, "123456"):
        console.factors.verify(console.alice, typed, AT_HOME)
    assert [line.split()[0] for line in console.events.said] == ["mfa.added"] + ["mfa.checked"] * 3
    assert not [line for line in console.events.said if code in line or recovery in line or "123456" in line]


def test_without_origins_there_are_no_passkeys_and_their_library_is_not_loaded(tmp_path: Path) -> None:
    console = Console(tmp_path, replace(SETTINGS, passkey_origins=()))
    assert console.factors.ask_to_register(console.alice, "alice") is None
    assert console.factors.ask_to_assert(console.alice) is None
    assert console.factors.register_passkey(console.alice, "{}") is Verdict.EXPIRED
    assert console.factors.verify_passkey(console.alice, "{}", AT_HOME) is Verdict.EXPIRED
    console.close()
    program = (
        "import sys, pillarbox.app.second_factors, pillarbox.auth.factor_rule; sys.exit('webauthn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
