r"""setflag, addflag, removeflag, hasflag (RFC 5232).

Must never: name `\Recent`, or a flag that no mailbox could keep (section 2).
"""

from __future__ import annotations

from typing import Final

from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Word
from pillarbox.sieve.text import Text
from pillarbox.sieve.words.arguments import MATCH_TAGS, check_match, matches_counted
from pillarbox.sieve.words.variables import check_variable_name

_FORMS: Final = ((Kind.STRINGS,), (Kind.STRING, Kind.STRINGS))


def _check(call: Call, checker: Checker) -> None:
    if len(call.arguments) == 2:
        if not checker.has("variables"):
            checker.mistake(call.place, 'flags in a variable need require "variables"; at the top')
        check_variable_name(call, checker)


def _check_hasflag(call: Call, checker: Checker) -> None:
    check_match(call, checker)
    if len(call.arguments) == 2 and not checker.has("variables"):
        checker.mistake(call.place, 'flags in a variable need require "variables"; at the top')


def _change(run: Run, call: Call) -> None:
    named = len(call.arguments) == 2
    given = run.flag_names(run.expand_all(call.texts(1 if named else 0)))
    name = call.text(0).source if named else ""
    held = run.flag_names([run.variable(name)]) if named else run.flags
    lower = {flag.lower() for flag in given}
    match call.word.name:
        case "setflag":
            flags = given
        case "addflag":
            flags = run.flag_names([*held, *given])
        case _:
            flags = [flag for flag in held if flag.lower() not in lower]
    run.spend(10 * (len(held) + len(given)))
    if named:
        run.set_variable(name, " ".join(flags))
    else:
        run.flags = flags


def _held(run: Run, name: str) -> list[str]:
    value = run.variable(name)
    run.spend(20 * len(value))
    return run.flag_names([value])


def _hasflag(run: Run, call: Call) -> bool:
    if len(call.arguments) == 2:
        lists = [_held(run, name) for name in dict.fromkeys(run.expand_all(call.texts(0)))]
    else:
        lists = [run.flags]
    keys = run.flag_names(run.expand_all(call.texts(-1)))
    wanted = call.texts(-1) if "count" in call.tags else [Text((key,), key, call.place) for key in keys]
    flags = [flag for names in lists for flag in names]
    return matches_counted(run, call, flags, wanted, len(flags))


WORDS = (
    *(
        Word(name, f"5232 3.{section}", ("imap4flags",), forms=_FORMS, act=_change, check=_check)
        for section, name in enumerate(("setflag", "addflag", "removeflag"), 1)
    ),
    Word(
        "hasflag",
        "5232 4",
        ("imap4flags",),
        MATCH_TAGS,
        ((Kind.STRINGS,), (Kind.STRINGS, Kind.STRINGS)),
        test=_hasflag,
        check=_check_hasflag,
    ),
)
