"""A checked script: what the interpreter runs, and the shape of the words that scripts are made of.

Must never: hold anything of one run; a script is shared by all deliveries of its owner.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from pillarbox.sieve.errors import Place
from pillarbox.sieve.run import Run
from pillarbox.sieve.text import Text

COMMAND_STEPS: Final = 20
"""What a command or a test costs at least."""

Value = int | Text | tuple[Text, ...] | None


class Kind(enum.Enum):
    """What an argument is."""

    NUMBER = "a number"
    STRING = "a string"
    STRINGS = "a string or a list of strings"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged argument that a word knows."""

    name: str
    takes: Kind | None = None
    extension: str = ""
    group: str = ""
    """Of several tags of one group only one can stand."""
    needs: str = ""
    """Another tag that must stand too."""
    choices: frozenset[str] = frozenset()
    """What its string must be one of."""


class Tests(enum.Enum):
    """How many tests a word has."""

    NONE = 0
    ONE = 1
    LIST = 2


class Checker(Protocol):
    """What a word's own check may ask and tell."""

    def mistake(self, place: Place, text: str) -> None: ...

    def has(self, extension: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Word:
    """A command or a test: one row of the table of words."""

    name: str
    rfc: str
    extension: tuple[str, ...] = ()
    """One of these must be required."""
    tags: tuple[Tag, ...] = ()
    forms: tuple[tuple[Kind, ...], ...] = ((),)
    """The positional arguments it can have, by their count."""
    tests: Tests = Tests.NONE
    block: bool = False
    act: Callable[[Run, Call], None] | None = None
    """Of commands."""
    test: Callable[[Run, Call], bool] | None = None
    """Of tests."""
    check: Callable[[Call, Checker], None] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A command or a test in a script, checked."""

    word: Word
    place: Place
    tags: Mapping[str, Value]
    arguments: tuple[Value, ...] = ()
    tests: tuple[Call, ...] = ()
    block: tuple[Call, ...] = ()
    otherwise: tuple[Call, ...] = ()
    """Of `if` and `elsif`: the elsif or else that follows, when there is one."""

    def text(self, index: int) -> Text:
        value = self.arguments[index]
        assert isinstance(value, Text)
        return value

    def texts(self, index: int) -> tuple[Text, ...]:
        value = self.arguments[index]
        assert isinstance(value, tuple)
        return value

    def tag_text(self, name: str) -> Text | None:
        value = self.tags.get(name)
        return value if isinstance(value, Text) else None

    def tag_texts(self, name: str) -> tuple[Text, ...]:
        value = self.tags.get(name)
        return value if isinstance(value, tuple) else ()

    def tag_number(self, name: str) -> int | None:
        value = self.tags.get(name)
        return value if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class Script:
    """A script that can run."""

    commands: tuple[Call, ...]
    extensions: frozenset[str] = field(default=frozenset())
    """What it requires."""


def perform(run: Run, calls: Sequence[Call]) -> None:
    """Carry out commands in order. Raises RunFailed, and Stopped after `stop`."""
    for call in calls:
        run.spend(COMMAND_STEPS)
        assert call.word.act is not None
        call.word.act(run, call)


def holds(run: Run, call: Call) -> bool:
    """Whether a test is true. Raises RunFailed."""
    run.spend(COMMAND_STEPS)
    assert call.word.test is not None
    return call.word.test(run, call)
