"""set and string (RFC 5229).

Must never: let a match variable be set.
"""

from __future__ import annotations

import re
import string
from typing import Final

from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word
from pillarbox.sieve.words.arguments import MATCH_TAGS, check_match, constant_of, matches_counted

_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_wild = re.compile(r"[*?\\]")


def check_variable_name(call: Call, checker: Checker) -> None:
    """The first argument is a name that can be set."""
    text = call.text(0)
    name = constant_of(text, checker, text.place, "the name of a variable")
    if name is not None and not _name.fullmatch(name):
        checker.mistake(text.place, f'"{text.source[:60]}" can\'t be the name of a variable')


def _set(run: Run, call: Call) -> None:
    value = run.expand(call.text(1))
    tags = call.tags
    if "lower" in tags or "upper" in tags:
        value = value.translate(_LOWER if "lower" in tags else _UPPER)
    if "lowerfirst" in tags or "upperfirst" in tags:
        value = value[:1].translate(_LOWER if "lowerfirst" in tags else _UPPER) + value[1:]
    if "quotewildcard" in tags:
        value = _wild.sub(r"\\\g<0>", value)
    if "length" in tags:
        value = str(len(value))
    run.set_variable(call.text(0).source, value)


def _string(run: Run, call: Call) -> bool:
    sources = run.expand_all(call.texts(0))
    return matches_counted(run, call, sources, call.texts(1), sum(1 for source in sources if source))


WORDS = (
    Word(
        "set",
        "5229 4",
        ("variables",),
        (
            Tag("lower", group="case"),
            Tag("upper", group="case"),
            Tag("lowerfirst", group="first"),
            Tag("upperfirst", group="first"),
            Tag("quotewildcard"),
            Tag("length"),
        ),
        ((Kind.STRING, Kind.STRING),),
        act=_set,
        check=check_variable_name,
    ),
    Word(
        "string",
        "5229 5",
        ("variables",),
        MATCH_TAGS,
        ((Kind.STRINGS, Kind.STRINGS),),
        test=_string,
        check=check_match,
    ),
)
