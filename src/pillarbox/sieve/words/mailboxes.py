"""mailboxexists (RFC 5490) and specialuse_exists (RFC 8579, from memory: its text is not at hand); environment (5183).

Must never: find mailboxes itself; a run is told of them.
"""

from __future__ import annotations

from pillarbox.mail.names import canonical_name
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Kind, Word
from pillarbox.sieve.words.arguments import MATCH_TAGS, check_match, matches


def _mailbox_exists(run: Run, call: Call) -> bool:
    return all(canonical_name(name) in run.environment.mailboxes for name in run.expand_all(call.texts(0)))


def _use_exists(run: Run, call: Call) -> bool:
    boxes = run.environment.mailboxes
    if len(call.arguments) == 2:
        held = boxes.get(canonical_name(run.expand(call.text(0))), frozenset())
    else:
        held = frozenset(use for uses in boxes.values() for use in uses)
    lower = {use.lower() for use in held}
    return all(use.lower() in lower for use in run.expand_all(call.texts(-1)))


def _environment(run: Run, call: Call) -> bool:
    value = run.environment.items.get(run.expand(call.text(0)).lower())
    return value is not None and matches(run, call, [value], call.texts(1))


WORDS = (
    Word("mailboxexists", "5490 3.1", ("mailbox",), forms=((Kind.STRINGS,),), test=_mailbox_exists),
    Word(
        "specialuse_exists",
        "8579",
        ("special-use",),
        forms=((Kind.STRINGS,), (Kind.STRING, Kind.STRINGS)),
        test=_use_exists,
    ),
    Word(
        "environment",
        "5183 4",
        ("environment",),
        MATCH_TAGS,
        ((Kind.STRING, Kind.STRINGS),),
        test=_environment,
        check=check_match,
    ),
)
