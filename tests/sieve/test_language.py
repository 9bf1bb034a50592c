"""Mistakes are told by line and column; nothing a script or a message holds makes it crash or go on for long."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pillarbox.sieve.check import compile_script
from pillarbox.sieve.environment import Envelope, Environment
from pillarbox.sieve.errors import ScriptInvalid
from pillarbox.sieve.interpreter import run
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.matching import ASCII_CASEMAP, OCTET, UNICODE_CASEMAP, Wildcards
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.outcome import Answer, Keep, Outcome

LIMITS = SieveLimits()
WORDS = (
    'require ["fileinto","variables","imap4flags","body","date","editheader"];', "if", "elsif", "else", "{", "}", "(",
    ")", ",", ";", "[", "]", "true", "not", "allof", "header", ":matches", ":is", '"a"', '"${a}*"', "10K",
    "text:\r\nx\r\n.\r\n",
    "keep", "fileinto", "set", "addheader", "body", "#c\n", "/*", "*/", ":comparator", '"i;octet"', "\\", "\0",
)  # fmt: skip


def carried_out(script: str, header: bytes, limits: SieveLimits = LIMITS, body: bytes = b"") -> Outcome:
    message = SieveMessage(header + b"\r\n", len(header) + 2 + len(body), lambda: header + b"\r\n" + body)
    envelope = Envelope("bob@example.net", "alice@example.org")
    return run(compile_script(script.encode(), limits), message, envelope, Environment(now_seconds=1e9), limits)


@pytest.mark.parametrize(
    ("script", "mistake"),
    [
        ('fileinto "x";', 'line 1, column 1: "fileinto" needs require "fileinto"; at the top'),
        ("keep;\nkeep", 'line 2, column 5: after "keep" a ";" or "{" is missing before the end of the script'),
        ("if true {\n", 'line 1, column 9: this "{" is never closed'),
        ("keep; }", 'line 1, column 7: this "}" closes nothing'),
        ('if header :is "a" "b" "c" { stop; }', "line 1, column 4: header needs a string or a list of strings and"),
        ("else { stop; }", "line 1, column 1: else must follow if or elsif"),
        ('keep; require "copy";', "line 1, column 7: require can stand at the top of a script only"),
        ("if keep { stop; }", 'line 1, column 4: "keep" is a command, and a test is expected here'),
        ('if header :is :contains "a" "b" {}', "line 1, column 15: :contains can't stand beside :is"),
        ('redirect "nobody";', 'line 1, column 10: "nobody" is no mail address'),
        ('if header :comparator "i;none" "a" "b" {}', 'there is no comparator "i;none"'),
        ('if address "subject" "b" {}', '"subject" holds no addresses; use the header test'),
        ('"x', 'line 1, column 1: this string is never ended by another "'),
        ("/* x", 'line 1, column 1: this comment is never ended by "*/"'),
        ("text:\nx\n", 'this "text:" is never ended'),
        ("if size :over 10T {}", 'a number can be followed by K, M or G only, as in "100K"'),
        ('require "variables"; set "1" "x";', 'line 1, column 26: "1" can\'t be the name of a variable'),
        ('require "variables"; if string "${a.b}" "" {}', "no extension has variables such as"),
        ('require "index"; if header :last "a" "b" {}', ":last needs :index beside it"),
        ('require "vacation"; vacation :seconds 1 "x";', ':seconds needs require "vacation-seconds"; at the top'),
    ],
)
def test_a_mistake_is_told_by_line_and_column(script: str, mistake: str) -> None:
    with pytest.raises(ScriptInvalid) as raised:
        compile_script(script.encode(), LIMITS)
    assert mistake in str(raised.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ScriptInvalid) as raised:
        compile_script(b'require "nope";\nkeep :x;\nfoo;\nstop "a";\n', LIMITS)
    assert [mistake.place.line for mistake in raised.value.mistakes] == [1, 2, 3, 4]


def test_bytes_that_are_not_utf8_are_told_by_place() -> None:
    with pytest.raises(ScriptInvalid, match="line 2, column 3: these bytes are not UTF-8"):
        compile_script(b"keep;\n# \xff\n", LIMITS)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join).map(str.encode)))
@example(b"if " + b"not " * 500 + b"true {}")
@example(b"if true {" * 500)
def test_any_bytes_are_a_script_or_a_mistake(script: bytes) -> None:
    try:
        compiled = compile_script(script, LIMITS)
    except ScriptInvalid:
        return
    message = SieveMessage(b"A: b\r\n\r\n", 8, lambda: b"A: b\r\n\r\n")
    outcome = run(compiled, message, Envelope(), Environment(), LIMITS)
    assert not outcome.error or outcome.actions == (Keep(),)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=200))
def test_any_bytes_are_a_message(header: bytes, body: bytes) -> None:
    script = """require ["variables", "body", "date", "editheader", "relational", "vacation", "duplicate"];
        if header :matches "a" "*?*" { set "x" "${1}"; }
        if address "from" "x" { keep; }
        if date "date" "year" "2020" { keep; }
        if body :text :contains "x" { keep; }
        if body :content "" :contains "x" { keep; }
        if body :raw :contains "x" { keep; }
        deleteheader "a"; addheader "B" "${x}"; vacation "x"; if duplicate { keep; }"""
    assert carried_out(script, header, body=body).error == ""


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="ab*?\\", max_size=8),
    st.text(alphabet="abAB\u00df\u00e4*", max_size=8),
    st.sampled_from((OCTET, ASCII_CASEMAP)),
)
def test_wildcards_match_as_the_obvious_way_does(pattern: str, text: str, comparator: str) -> None:
    folded = text if comparator == OCTET else "".join(c.lower() if c.isascii() else c for c in text)
    found = Wildcards(pattern, comparator).match(text)
    assert (found is not None) == _obvious(pattern.removesuffix("\\") if _odd(pattern) else pattern, folded)


def _odd(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


def _obvious(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_obvious(pattern[1:], text[at:]) for at in range(len(text) + 1))
    if not text:
        return False
    if pattern[0] == "\\":
        return pattern[1] == text[0] and _obvious(pattern[2:], text[1:])
    return pattern[0] in ("?", text[0]) and _obvious(pattern[1:], text[1:])


def test_what_wildcards_stand_for_is_told_in_the_texts_own_letters() -> None:
    found = Wildcards("STRA*E \u00c4?*", UNICODE_CASEMAP).match("Stra\u00dfe \u00e4Bc")
    assert found == ["Stra\u00dfe \u00e4Bc", "\u00df", "B", "c"]


def test_many_wildcards_do_not_backtrack() -> None:
    pattern = "*a" * 200 + "*b"
    outcome = carried_out(f'if header :matches "s" "{pattern}" {{ discard; }}', b"S: " + b"a" * 20_000 + b"\r\n")
    assert outcome == Outcome((Keep(),))


def test_a_run_has_a_budget() -> None:
    keys = ", ".join(f'"*{number:0200}?*"' for number in range(1, 401))
    outcome = carried_out(f'if header :matches "s" [{keys}] {{ discard; }}', b"S: " + b"0" * 60_000 + b"\r\n")
    assert (outcome.error, outcome.actions) == ("the script takes too long on this message", (Keep(),))


def test_many_tests_of_a_header_of_many_fields_have_the_same_budget() -> None:
    outcome = carried_out('if header "to" "x" { discard; } ' * 3_000, b"To: b\r\n" * 10_000)
    assert outcome.error == "the script takes too long on this message"


def test_variables_do_not_grow_without_end() -> None:
    script = 'require ["variables", "fileinto"]; set "a" "0123456789"; ' + 'set "a" "${a}${a}${a}${a}"; ' * 40
    script += 'set :length "n" "${a}"; fileinto "${n}";'
    outcome = carried_out(script, b"")
    assert [getattr(action, "mailbox", "") for action in outcome.actions] == [str(LIMITS.variable_characters)]


def test_a_header_does_not_grow_without_end() -> None:
    script = 'require ["variables", "editheader"]; set "a" "0123456789"; ' + 'set "a" "${a}${a}${a}${a}"; ' * 6
    outcome = carried_out(script + 'addheader "X" "${a}"; ' * 100, b"A: b\r\n")
    assert outcome.error == "the header becomes too long"


def test_a_script_that_is_too_long_or_too_deep_is_refused() -> None:
    with pytest.raises(ScriptInvalid, match="131072 are allowed"):
        compile_script(b"#" * 131_073, LIMITS)
    with pytest.raises(ScriptInvalid, match="32 deep at most"):
        compile_script(b"if true {" * 40, LIMITS)


def test_a_vacation_answer_says_what_rfc_5230_wants() -> None:
    header = b"To: alice@example.org\r\nSubject: Lunch?\r\nMessage-ID: <2@x>\r\nReferences: <1@x>\r\n"
    script = 'require "vacation"; vacation :from "Alice <alice@example.org>" "Bin am See, gr\u00fc\u00dfe!";'
    (answer, _) = carried_out(script, header).actions
    assert isinstance(answer, Answer)
    said = message_from_bytes(answer.content)
    fields = ("From", "To", "Subject", "In-Reply-To", "References", "Auto-Submitted")
    assert [said[name] for name in fields] == [
        "Alice <alice@example.org>", "<bob@example.net>", "Auto: Lunch?", "<2@x>", "<1@x> <2@x>", "auto-replied",
    ]  # fmt: skip
    payload = said.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode("utf-8").strip() == "Bin am See, gr\u00fc\u00dfe!"


def test_nothing_in_a_subject_begins_a_field_of_its_own() -> None:
    header = b"To: alice@example.org\r\nSubject: =?utf-8?q?x=0D=0ABcc:_all@example.org?=\r\n"
    (answer, _) = carried_out('require "vacation"; vacation "x";', header).actions
    assert isinstance(answer, Answer)
    assert message_from_bytes(answer.content)["Bcc"] is None


def _quoted(word: str, times: int) -> str:
    return "[" + ",".join([f'"{word}"'] * times) + "]"


@pytest.mark.parametrize(
    ("script", "header"),
    [
        (f'require "relational"; if header :value "lt" "A" {_quoted("a", 1000)} {{}}', b"A: b\r\n" * 5000),
        (f'if header :matches "A" "{"?" * 120_000}" {{}}', b"A: b\r\n"),
        (
            'require ["body", "comparator-i;unicode-casemap"];'
            f' if body :raw :comparator "i;unicode-casemap" :matches {_quoted("*x*", 9)} {{}}',
            b"A: b\r\n",
        ),
    ],
    ids=["keys", "wildcards", "folding"],
)
def test_many_keys_and_wildcards_have_the_same_budget(script: str, header: bytes) -> None:
    outcome = carried_out(script, header, body="é".encode() * 200_000)
    assert outcome.error == "the script takes too long on this message"


def test_flags_of_a_variable_named_many_times_are_counted_once() -> None:
    names = ",".join(['"a"'] * 1000)
    script = f'require ["variables", "imap4flags"]; set "a" "x y"; if hasflag :count "eq" [{names}] "2" {{ discard; }}'
    assert carried_out(script.replace('"imap4flags"', '"imap4flags", "relational"'), b"A: b\r\n").actions == ()


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["Bcc :", "Bcc:", ""])
def test_no_control_character_begins_a_field_in_an_added_one(mark: str, name: str) -> None:
    code = " ".join(f"{ord(character):x}" for character in mark)
    script = 'require ["editheader", "encoded-character"]; addheader "X" "%s${unicode:%s}%s e@example.net";'
    (keep,) = carried_out(script % ("a " * 60, code, name), b"A: b\r\n").actions
    assert isinstance(keep, Keep)
    assert keep.raw_header is not None
    assert message_from_bytes(keep.raw_header).keys() == ["X", "A"]
