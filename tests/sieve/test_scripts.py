"""Scripts of every extension on messages, with what must come of it.

`scripts/NAME.sieve` is run on the messages that `scripts/NAME.expected` names: `MESSAGE [from A] [to B] [seen]`, then
one indented line for each thing that is to be done. `seen` is a run for which all is remembered already.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pillarbox.sieve.check import compile_script
from pillarbox.sieve.environment import Envelope, Environment
from pillarbox.sieve.interpreter import run
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.outcome import Outcome, in_words
from pillarbox.sieve.table import ACTIONS, EXTENSIONS, TESTS

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "scripts").glob("*.sieve"))
LIMITS = SieveLimits()
BOXES = {"INBOX": frozenset[str](), "Lists": frozenset[str](), "Spam": frozenset({"\\Junk"})}


def play(script: bytes, line: str) -> Outcome:
    words = line.split()
    given = dict(zip(words[1::2], words[2::2], strict=False))
    message = (HERE / "mail" / words[0]).read_bytes().replace(b"\n", b"\r\n")
    header = message[: message.index(b"\r\n\r\n") + 4]
    environment = Environment(
        now_seconds=1_780_380_000,
        mailboxes=BOXES,
        is_remembered=lambda _key: words[-1] == "seen",
        items={"location": "MDA"},
    )
    envelope = Envelope(given.get("from", "a@example.net").strip("<>"), given.get("to", "b@example.net"))
    return run(
        compile_script(script, LIMITS),
        SieveMessage(header, len(message), lambda: message),
        envelope,
        environment,
        LIMITS,
    )


def told(outcome: Outcome) -> list[str]:
    lines = [f"error: {outcome.error}"] if outcome.error else []
    lines += [in_words(action) for action in outcome.actions] or ["discard"]
    for entry in outcome.remember:
        days, rest = divmod(entry.seconds, 86_400)
        lines.append(f"remember for {entry.seconds} seconds" if rest else f"remember for {days} days")
    return lines


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_does_what_is_expected(path: Path) -> None:
    expected = path.with_suffix(".expected").read_text()
    shown = ""
    for line in re.findall(r"^\S.*$", expected, re.MULTILINE):
        shown += line + "\n" + "".join(f"    {each}\n" for each in told(play(path.read_bytes(), line)))
    assert shown == expected


def test_every_extension_and_every_word_has_a_script() -> None:
    whole = " ".join(path.read_text() for path in SCRIPTS)
    left_out = {"comparator-i;octet", "comparator-i;ascii-casemap"}  # there without require
    assert [name for name in EXTENSIONS if f'"{name}"' not in whole and name not in left_out] == []
    assert [word for word in (*ACTIONS, *TESTS) if not re.search(rf"\b{word}\b", whole) and word != "true"] == []
