"""Login names and passwords are prepared alike wherever they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.auth.names import (
    LoginNameInvalid,
    PasswordInvalid,
    prepare_login_name,
    prepare_password,
    printable_name,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("Alice@Example.ORG", "alice@example.org"),
        ("alice+lists@example.org", "alice+lists@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("_backup", "_backup"),
        ("Bj\u00f6rn@b\u00fccher.example", "björn@bücher.example"),
        ("bjo\u0308rn", "björn"),
        ("\uff21\uff22\uff23", "abc"),
        ("山田@例え.jp", "山田@例え.jp"),
    ],
)
def test_names_that_a_person_would_call_the_same_are_kept_the_same(typed: str, kept: str) -> None:
    assert prepare_login_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " alice",
        "alice smith",
        "al\tice",
        "al\0ice",
        "alice\r\n",
        "al\u200bice",
        "al\u202eice",
        "al\ud800ice",
        "../alice",
        "a/b",
        "a\\b",
        "a*b",
        'a"b',
        ".",
        "..",
        ".alice",
        "alice.",
        "a..b",
        "-alice",
        "@example.org",
        "alice@",
        "alice@-example.org",
        "alice@exa_mple.org",
        "alice@example..org",
        "alice@b@c",
        "\ufb01sh",
        "a" * 65,
        "a@" + "b" * 64,
        "a@" + ".".join(["b" * 60] * 5),
    ],
)
def test_what_can_be_no_name_is_refused(typed: str) -> None:
    with pytest.raises(LoginNameInvalid):
        prepare_login_name(typed)


@given(st.text(max_size=40))
def test_preparing_a_name_twice_changes_nothing(typed: str) -> None:
    try:
        kept = prepare_login_name(typed)
    except LoginNameInvalid:
        return
    assert prepare_login_name(kept) == kept


def test_a_password_is_the_same_composed_or_decomposed() -> None:
    assert prepare_password("cafe\u0301") == prepare_password("caf\u00e9") == "café".encode()


def test_a_password_keeps_its_case_and_its_spaces() -> None:
    assert prepare_password(" Open\u00a0Sesame ") == b" Open Sesame "


@pytest.mark.parametrize("typed", ["", "a\0b", "a\nb", "\ud800", "é" * 600, "x" * 1025])
def test_what_can_be_no_password_is_refused(typed: str) -> None:
    with pytest.raises(PasswordInvalid):
        prepare_password(typed)


def test_a_name_for_the_log_is_short_and_on_one_line() -> None:
    shown = printable_name("bob\r\nlogin.granted login=alice\x1b[2J" + "x" * 500)
    assert shown.startswith("bob\\u000d\\u000alogin.granted login=alice\\u001b[2J")
    assert len(shown) < 110
    assert shown.endswith("...")
