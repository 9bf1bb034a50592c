"""addheader and deleteheader (RFC 5293).

Must never: delete what tells of loops and of automatic mail (section 6); such an attempt is silently ignored.
"""

from __future__ import annotations

from typing import Final

from pillarbox.mime.text import decode_header_text
from pillarbox.sieve.errors import RunFailed
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word
from pillarbox.sieve.words.arguments import (
    MATCH_TAGS,
    check_field_name,
    check_match,
    indexed,
    is_field_name,
    matches_quietly,
)

_KEPT: Final = frozenset(("received", "auto-submitted", "return-path", "x-sieve-redirected"))


def _check_name(call: Call, checker: Checker) -> None:
    check_match(call, checker)
    check_field_name(call.text(0), checker)


def _name(run: Run, call: Call) -> str:
    name = run.expand(call.text(0))
    if not is_field_name(name) or not name.isascii():
        raise RunFailed(f'"{name[:60]}" can\'t be the name of a header field')
    return name


def _addheader(run: Run, call: Call) -> None:
    name, value = _name(run, call), run.expand(call.text(1))
    run.spend(20 * (run.message.field_count + len(value)))
    if name.lower() not in _KEPT:
        run.message.add(name, value, "last" in call.tags)
    if run.message.header_bytes > run.limits.header_bytes:
        raise RunFailed("the header becomes too long")


def _deleteheader(run: Run, call: Call) -> None:
    name = _name(run, call)
    run.spend_on_header()
    if name.lower() in _KEPT:
        return
    fields = list(indexed(call, run.message.fields(name)))
    if len(call.arguments) == 2:
        fields = [
            field
            for field in fields
            if matches_quietly(run, call, [decode_header_text(field.raw_value).strip(" \t\r\n")], call.texts(1))
        ]
    run.message.delete(fields)


WORDS = (
    Word(
        "addheader",
        "5293 4",
        ("editheader",),
        (Tag("last"),),
        ((Kind.STRING, Kind.STRING),),
        act=_addheader,
        check=_check_name,
    ),
    Word(
        "deleteheader",
        "5293 5",
        ("editheader",),
        (*MATCH_TAGS, Tag("index", Kind.NUMBER), Tag("last", needs="index")),
        ((Kind.STRING,), (Kind.STRING, Kind.STRINGS)),
        act=_deleteheader,
        check=_check_name,
    ),
)
