"""body (RFC 5173): what stands behind the header.

Must never: set match variables (section 6).
"""

from __future__ import annotations

from collections.abc import Iterable

from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Kind, Tag, Word
from pillarbox.sieve.words.arguments import MATCH_TAGS, check_match, matches_quietly


def _body(run: Run, call: Call) -> bool:
    message = run.message
    run.spend(min(message.size_bytes, run.limits.body_bytes))
    raw = message.raw_body()
    if raw is None:
        return False
    values: Iterable[str]
    if "raw" in call.tags:
        values = [raw]
    elif "content" in call.tags:
        values = message.body_content([name.lower() for name in run.expand_all(call.tag_texts("content"))])
    else:
        values = message.body_texts()
    return matches_quietly(run, call, values, call.texts(0))


WORDS = (
    Word(
        "body",
        "5173 4",
        ("body",),
        (
            *MATCH_TAGS,
            Tag("raw", group="transform"),
            Tag("content", Kind.STRINGS, group="transform"),
            Tag("text", group="transform"),
        ),
        ((Kind.STRINGS,),),
        test=_body,
        check=check_match,
    ),
)
