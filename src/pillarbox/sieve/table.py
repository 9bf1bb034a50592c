"""All commands, tests and extensions. A new one: one file in words/ and one line here.

Must never: offer an extension that is not there; ManageSieve tells clients what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pillarbox.sieve.script import Word
from pillarbox.sieve.words import (
    body,
    control,
    dates,
    disposing,
    duplicate,
    flags,
    headers,
    looking,
    mailboxes,
    vacation,
    variables,
)

_WORDS: Final = (
    *control.WORDS,
    *looking.WORDS,
    *disposing.WORDS,
    *variables.WORDS,
    *flags.WORDS,
    *vacation.WORDS,
    *body.WORDS,
    *mailboxes.WORDS,
    *headers.WORDS,
    *dates.WORDS,
    *duplicate.WORDS,
)
ACTIONS: Final[Mapping[str, Word]] = {word.name: word for word in _WORDS if word.act is not None}
TESTS: Final[Mapping[str, Word]] = {word.name: word for word in _WORDS if word.test is not None}

_OF_LANGUAGE: Final = (
    "encoded-character",
    "comparator-i;octet",
    "comparator-i;ascii-casemap",
    "comparator-i;ascii-numeric",
    "comparator-i;unicode-casemap",
)
EXTENSIONS: Final = tuple(
    dict.fromkeys(
        (
            *(name for word in _WORDS for name in word.extension),
            *(tag.extension for word in _WORDS for tag in word.tags if tag.extension),
            *_OF_LANGUAGE,
        )
    )
)
"""What `require` may name, in the order of the table."""
