"""PLAIN and LOGIN, fed with what clients and attackers send."""

from __future__ import annotations

import pytest

from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.sasl import (
    PASSWORD_MECHANISMS,
    Challenge,
    Failed,
    LoginMechanism,
    PlainMechanism,
    SaslFault,
    Step,
)

MALFORMED = Failed(SaslFault.MALFORMED)


def revealed(step: Step) -> tuple[str, str]:
    assert isinstance(step, PasswordClaim)
    return step.login_name, step.password.reveal()


def test_plain_reads_the_examples_of_rfc_4616() -> None:
    assert revealed(PlainMechanism().start(b"\0tim\0tanstaaftanstaaf")) == ("tim", "tanstaaftanstaaf")
    assert PlainMechanism().start(b"Ursel\0Kurt\0xipj3plmq") == Failed(SaslFault.AUTHZID_REFUSED)


def test_plain_without_initial_response_asks_with_an_empty_challenge() -> None:
    mechanism = PlainMechanism()
    assert mechanism.start(None) == Challenge(b"")
    assert revealed(mechanism.respond("\0jürgen\0Schlüssel".encode())) == ("jürgen", "Schlüssel")


def test_plain_lets_people_act_as_themselves_in_any_spelling() -> None:
    assert revealed(PlainMechanism().start(b"Tim@example.org\0tim@Example.org\0pass")) == ("tim@Example.org", "pass")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"tim",
        b"tim\0pass",
        b"\0tim\0pass\0more",
        b"\0tim\0pass\0",
        b"\0\0pass",
        b"\0tim\0",
        b"\0t\xffm\0pass",
        b"\0tim\0pa\xc3",
        b"\xff\0tim\0pass",
        b"\0tim\0\xed\xa0\x80",
        b"\0t\xc0\xaem\0pass",
    ],
)
def test_plain_refuses_what_its_grammar_does_not_allow(message: bytes) -> None:
    assert PlainMechanism().start(message) == MALFORMED


def test_login_asks_for_the_name_then_for_the_password() -> None:
    mechanism = LoginMechanism()
    assert mechanism.start(None) == Challenge(b"Username:")
    assert mechanism.respond(b"tim") == Challenge(b"Password:")
    assert revealed(mechanism.respond(b"tanstaaf")) == ("tim", "tanstaaf")


def test_login_takes_an_initial_response_as_the_name() -> None:
    mechanism = LoginMechanism()
    assert mechanism.start(b"tim") == Challenge(b"Password:")
    assert revealed(mechanism.respond(b"tanstaaf")) == ("tim", "tanstaaf")


@pytest.mark.parametrize("answer", [b"", b"t\0m", b"t\xffm", b"\xc3"])
def test_login_refuses_bad_text_in_either_answer(answer: bytes) -> None:
    assert LoginMechanism().start(answer) == MALFORMED
    mechanism = LoginMechanism()
    mechanism.start(b"tim")
    assert mechanism.respond(answer) == MALFORMED


def test_a_step_never_shows_its_password() -> None:
    assert "tanstaaf" not in repr(PlainMechanism().start(b"\0tim\0tanstaaf"))


def test_every_exchange_gets_an_object_of_its_own() -> None:
    assert {name: type(make()) for name, make in PASSWORD_MECHANISMS.items()} == {
        "PLAIN": PlainMechanism,
        "LOGIN": LoginMechanism,
    }
