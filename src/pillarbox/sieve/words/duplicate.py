"""duplicate (RFC 7352): was this message seen before?

Must never: be true for anything that this run itself saw; what it saw is remembered when all is done.
"""

from __future__ import annotations

from typing import Final

from pillarbox.sieve.keys import hashed
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Kind, Tag, Word

_DAY: Final = 86_400
_USUAL: Final = 7 * _DAY


def _unique(run: Run, call: Call) -> str | None:
    given = call.tag_text("uniqueid")
    if given is not None:
        return run.expand(given)
    named = call.tag_text("header")
    values = run.message.values("message-id" if named is None else run.expand(named))
    return values[0] if values else None


def _duplicate(run: Run, call: Call) -> bool:
    run.spend_on_header()
    unique = _unique(run, call)
    asked = call.tag_number("seconds")
    seconds = min(_USUAL if asked is None else asked, run.limits.duplicate_days * _DAY)
    if unique is None or not seconds:
        return False
    handle = call.tag_text("handle")
    key = "d" + hashed(*(() if handle is None else (run.expand(handle),)), unique)
    seen = run.environment.is_remembered(key)
    if not seen or "last" in call.tags:
        run.remember(key, seconds)
    return seen


WORDS = (
    Word(
        "duplicate",
        "7352 3",
        ("duplicate",),
        (
            Tag("handle", Kind.STRING),
            Tag("header", Kind.STRING, group="what"),
            Tag("uniqueid", Kind.STRING, group="what"),
            Tag("seconds", Kind.NUMBER),
            Tag("last"),
        ),
        test=_duplicate,
    ),
)
