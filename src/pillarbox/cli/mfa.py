"""`pillarbox mfa ...`: second factors of accounts (docs/multi-factor.md).

Must never: show a secret twice, or to anybody but who asked for it; take one from the command line.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.second_factors import open_second_factors
from pillarbox.auth.directory import Account
from pillarbox.auth.factor_keys import KeysUnavailable
from pillarbox.auth.factors import Confirmed, Enrolment, FactorKind, FactorState, Verdict
from pillarbox.auth.networks import NetworkInvalid
from pillarbox.auth.second_factors import SecondFactors
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts
from pillarbox.cli.logins import ledger, time_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret

Name = Annotated[str, Parameter(help="Login name, such as alice or alice@example.org.")]
_HERE: Final = Place()
_TRIES: Final = 3


def status(
    name: Annotated[str | None, Parameter(help="One account, with its factors. Default: all accounts.")] = None,
    /,
    *,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Who has a second factor."""
    place.check()
    with _factors(place) as factors, accounts(place) as directory:
        chosen = directory.accounts() if name is None else [account_named(place, name)]
        states = [(account.login_name, factors.state(account.id)) for account in chosen]
    if json:
        say_json([_document(*each) for each in states])
    elif name is None:
        say_table(
            ("login", "multi-factor", "apps", "passkeys", "recovery codes"),
            [
                (
                    login,
                    _word(state),
                    _count(state, FactorKind.TOTP),
                    _count(state, FactorKind.PASSKEY),
                    state.recovery_codes,
                )
                for login, state in states
            ],
        )
    else:
        [(_, state)] = states
        say_table(
            ("factor", "kind", "name", "added (UTC)", "last right (UTC)"),
            [
                (each.id, each.kind.value, each.name, time_text(each.created_seconds), time_text(each.used_seconds))
                for each in state.factors
            ],
        )


def enable(
    name: Name,
    /,
    *,
    code: Annotated[
        str | None, Parameter(help="The code that the app shows, for an app that was shown its secret before.")
    ] = None,
    device: Annotated[str, Parameter(help="What to call the app or phone.")] = "",
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Add an app that shows codes: its QR code, then its first code, from the terminal or a line of stdin."""
    account = account_named(place, name)
    with _factors(place) as factors:
        if code is not None:
            _say_confirmed(account, _confirm(factors, account, code), json)
            return
        enrolment = factors.enrol(account.id, account.login_name, device)
        if enrolment is None:
            raise CommandFailed(
                f"{account.login_name} has too many apps; remove some: pillarbox mfa disable {account.login_name} "
                "--factor FACTOR",
                ExitCode.EXISTS,
            )
        if json:
            secrets = {"secret": enrolment.secret.reveal(), "uri": enrolment.uri.reveal()}
            say_json({"name": account.login_name, "factor": enrolment.factor, "confirmed": False, **secrets})
            return
        _show(enrolment)
        confirmed = _ask_for_code(factors, account)
    if confirmed is None:
        say(f"it counts once it is confirmed, within an hour: pillarbox mfa enable {account.login_name} --code CODE")
    else:
        _say_confirmed(account, confirmed, json)


def disable(
    name: Name,
    /,
    *,
    factor: Annotated[str | None, Parameter(help="This one only, as `mfa status NAME` shows it.")] = None,
    place: Place = _HERE,
) -> None:
    """Take away an account's second factors and recovery codes."""
    account = account_named(place, name)
    with _factors(place) as factors:
        if factor is not None and not factors.remove(account.id, factor):
            raise CommandFailed(
                f"{account.login_name} has no factor {factor}; see: pillarbox mfa status {account.login_name}",
                ExitCode.BAD_DATA,
            )
        if factor is None:
            factors.disable(account.id)
        state = factors.state(account.id)
    say(f"{account.login_name}: multi-factor is {_word(state)}")


def recovery(name: Name, /, *, json: Json = False, place: Place = _HERE) -> None:
    """New recovery codes for an account; those before are void."""
    account = account_named(place, name)
    with _factors(place) as factors:
        codes = factors.renew_recovery_codes(account.id)
    if not codes:
        raise CommandFailed(
            f"{account.login_name} has no second factor; begin with: pillarbox mfa enable {account.login_name}",
            ExitCode.BAD_DATA,
        )
    if json:
        say_json({"name": account.login_name, "recovery_codes": [each.reveal() for each in codes]})
    else:
        _say_codes(codes)


@contextmanager
def _factors(place: Place) -> Iterator[SecondFactors]:
    """The second factors of all accounts; what goes wrong with them becomes CommandFailed."""
    clock = SystemClock()
    with ledger(place) as opened, accounts(place) as directory:
        try:
            factors = open_second_factors(place.settings(), directory, opened, clock, witness(place))
        except KeysUnavailable as error:
            raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
        except NetworkInvalid as error:
            raise CommandFailed(str(error), ExitCode.CONFIG) from error
        yield factors


# --- enrolling --------------------------------------------------------------------------------------


def _show(enrolment: Enrolment) -> None:
    if sys.stdout.isatty():
        say(qr_text(enrolment.uri.reveal()))
        say(f"Scan this with an authenticator app, or type in its key: {enrolment.secret.reveal()}")
    else:
        say(enrolment.uri.reveal())
    sys.stdout.flush()  # a program that makes the code from it may wait for it


def qr_text(content: str) -> str:
    """A QR code in half-block characters, small enough for a terminal of 80 by 24."""
    import segno

    buffer = io.StringIO()
    segno.make(content, error="l", micro=False, boost_error=False).terminal(buffer, border=2, compact=True)
    return buffer.getvalue()


def _ask_for_code(factors: SecondFactors, account: Account) -> Confirmed | None:
    """Until one is right, some times; None when nobody answers."""
    for tries_left in reversed(range(_TRIES)):
        if sys.stdin.isatty():
            complain("The code that the app shows now:")
        line = sys.stdin.readline()
        if not line:
            return None
        try:
            return _confirm(factors, account, line)
        except CommandFailed as failure:
            if not tries_left:
                raise
            complain(str(failure))
    return None


def _confirm(factors: SecondFactors, account: Account, code: str) -> Confirmed:
    name = account.login_name
    waiting = factors.waiting(account.id)
    verdict = Verdict.EXPIRED if waiting is None else factors.confirm(account.id, waiting, code)
    if isinstance(verdict, Confirmed):
        return verdict
    if verdict is Verdict.EXPIRED:
        raise CommandFailed(
            f"no app of {name} waits for a code; begin with: pillarbox mfa enable {name}", ExitCode.BAD_DATA
        )
    if verdict is Verdict.UNAVAILABLE:
        raise CommandFailed(
            f"the app's secret can't be read: second-factors.key is another one than before; begin anew with: "
            f"pillarbox mfa enable {name}",
            ExitCode.UNAVAILABLE,
        )
    raise CommandFailed(
        "that is not the code for this app; type the six digits that it shows now, and see that the clocks of the "
        "phone and of this machine are right",
        ExitCode.BAD_DATA,
    )


def _say_confirmed(account: Account, confirmed: Confirmed, json: Json) -> None:
    name = account.login_name
    if json:
        codes = [each.reveal() for each in confirmed.recovery_codes]
        say_json({"name": name, "factor": confirmed.factor, "confirmed": True, "recovery_codes": codes})
        return
    say(f"{name}: multi-factor is on")
    if confirmed.recovery_codes:
        _say_codes(confirmed.recovery_codes)
        complain(f"Mail programs need an app password from now on: pillarbox app-password add {name}")


def _say_codes(codes: Sequence[Secret[str]]) -> None:
    complain("Recovery codes, each good once where a code is asked for. Keep them; they are not shown again:")
    for code in codes:
        say(code.reveal())


# --- telling ----------------------------------------------------------------------------------------


def _word(state: FactorState) -> str:
    return "on" if state.is_on else "required, but there is no factor yet" if state.enforced else "off"


def _count(state: FactorState, kind: FactorKind) -> int:
    return sum(each.kind is kind for each in state.factors)


def _document(login: str, state: FactorState) -> dict[str, object]:
    factors = [{**asdict(each), "kind": each.kind.value} for each in state.factors]
    return {
        "name": login,
        "on": state.is_on,
        "required": state.enforced,
        "app_passwords_only": state.app_passwords_only,
        "recovery_codes": state.recovery_codes,
        "factors": factors,
    }
