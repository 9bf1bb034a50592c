"""What counts as the expected response, and what doesn't: the runner's own judgement."""

from __future__ import annotations

import pytest

from tests.transcripts.pattern import Matcher, Mismatch, Values
from tests.transcripts.script import Text

SAME = [
    ("* 1 FETCH (UID 5 FLAGS (\\Seen \\Recent))", b"* 1 FETCH (FLAGS (\\Recent \\Seen) UID 5)"),
    ('* LIST (\\Sent \\HasNoChildren) "/" Sent', b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"'),
    ('* LIST (\\Sent …) "/" Sent', b'* LIST (\\HasNoChildren \\Sent) "/" {4}\r\nSent'),
    ('* LIST () "/" a (CHILDINFO (SUBSCRIBED))', b'* LIST () "/" a ("CHILDINFO" ("SUBSCRIBED"))'),
    ("* STATUS a (MESSAGES 1 UNSEEN 2)", b'* STATUS "a" (UNSEEN 2 MESSAGES 1)'),
    ("* SEARCH 3 1 2", b"* SEARCH 1 2 3"),
    ("* ESEARCH (TAG a) UID MIN 1 ALL 1,2,3", b'* ESEARCH (TAG "a") UID ALL 1:3 MIN 1'),
    ("a OK …", b"a OK [READ-WRITE] done"),
    ("a NO/BAD …", b"a BAD no"),
    ("* OK [PERMANENTFLAGS (\\Seen …)] …", b"* OK [PERMANENTFLAGS (\\* \\Draft \\Seen)] x"),
    ("* 1 FETCH (ENVELOPE (…))", b'* 1 FETCH (ENVELOPE (NIL "x"))'),
    ('* 1 FETCH (BODY ("TEXT" …))', b'* 1 FETCH (BODY ("text" "plain" NIL))'),
    ("* 1 FETCH (UID 1 …)", b"* 1 FETCH (FLAGS () UID 1)"),
]
DIFFERENT = [
    ("* 1 FETCH (UID 5)", b"* 2 FETCH (UID 5)"),
    ("* 1 FETCH (UID 5)", b"* 1 FETCH (UID 5 FLAGS ())"),
    ("* 1 FETCH (UID 5 FLAGS ())", b"* 1 FETCH (UID 5)"),
    ("* 1 FETCH (FLAGS (\\Seen))", b"* 1 FETCH (FLAGS (\\Seen \\Draft))"),
    ('* 1 FETCH (BODY[1] "NIL")', b"* 1 FETCH (BODY[1] NIL)"),
    ('* LIST () "/" a', b'* LIST (\\Noselect) "/" a'),
    ('* LIST () "/" a', b'* LIST () "." a'),
    ("* SEARCH 1 2", b"* SEARCH 1 2 3"),
    ("* ESEARCH (TAG a) ALL 1:3", b'* ESEARCH (TAG "a") ALL 1:4'),
    ("a OK …", b"b OK x"),
    ("a OK …", b"a NO x"),
    ("a OK [READ-WRITE] …", b"a OK [READ-ONLY] x"),
    ("a OK [READ-WRITE] …", b"a OK x"),
    ("a OK done", b"a OK [ALERT] done"),
    ("* 3 EXISTS", b"* 4 EXISTS"),
    ("+ …", b"* OK x"),
]


def check(expected: str, actual: bytes, values: Values | None = None) -> None:
    Matcher([Text(expected)], {} if values is None else values).check(actual + b"\r\n")


@pytest.mark.parametrize(("expected", "actual"), SAME)
def test_what_the_rfcs_leave_open_does_not_matter(expected: str, actual: bytes) -> None:
    check(expected, actual)


@pytest.mark.parametrize(("expected", "actual"), DIFFERENT)
def test_all_else_matters(expected: str, actual: bytes) -> None:
    with pytest.raises(Mismatch):
        check(expected, actual)


def test_a_value_is_remembered_and_must_stay_the_same() -> None:
    values: Values = {}
    check("a OK [APPENDUID ${validity} ${first uid}] …", b"a OK [APPENDUID 7 12] x", values)
    assert values == {"validity": "7", "first uid": "12"}
    check("* 1 FETCH (UID ${first uid})", b"* 1 FETCH (UID 12)", values)
    with pytest.raises(Mismatch):
        check("* 1 FETCH (UID ${first uid})", b"* 1 FETCH (UID 13)", values)


def test_a_mismatch_leaves_no_value_behind() -> None:
    values: Values = {}
    with pytest.raises(Mismatch):
        check("* ${n} FETCH (UID 1)", b"* 5 FETCH (UID 2)", values)
    assert values == {}


def test_a_literal_is_compared_whole() -> None:
    expected = [Text("* 1 FETCH (BODY[] {}", ["a", "b…"]), Text(" UID 1)")]
    Matcher(expected, {}).check(b"* 1 FETCH (BODY[] {9}\r\na\r\nbcde\r\n UID 1)\r\n")
    with pytest.raises(Mismatch):
        Matcher(expected, {}).check(b"* 1 FETCH (BODY[] {9}\r\nb\r\nbcde\r\n UID 1)\r\n")
