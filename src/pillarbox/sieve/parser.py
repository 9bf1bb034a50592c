"""Tokens as a tree: words with their arguments, tests and blocks. What they mean is check.py's affair.

Must never: raise anything but ScriptInvalid; recurse deeper than the limit. RFC 5228 section 8.2:

    argument     = string-list / number / tag
    arguments    = *argument [ test / test-list ]
    block        = "{" commands "}"
    command      = identifier arguments (";" / block)
    string-list  = "[" string *("," string) "]" / string
    test         = identifier arguments
    test-list    = "(" test *("," test) ")"
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.sieve.errors import Mistake, Place, ScriptInvalid
from pillarbox.sieve.lexer import Token, TokenKind, read_text, tokens
from pillarbox.sieve.limits import SieveLimits


@dataclass(frozen=True, slots=True)
class RawTag:
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class RawNumber:
    value: int
    place: Place


@dataclass(frozen=True, slots=True)
class RawStrings:
    """A string, or a list of them."""

    values: tuple[tuple[str, Place], ...]
    is_list: bool
    place: Place


RawArgument = RawTag | RawNumber | RawStrings


@dataclass(frozen=True, slots=True)
class RawWord:
    """A command or a test, as it stands there."""

    name: str
    place: Place
    arguments: tuple[RawArgument, ...]
    tests: tuple[RawWord, ...]
    block: tuple[RawWord, ...] | None
    """None where a ";" ends it, and for tests."""


def parse(script: bytes, limits: SieveLimits) -> tuple[RawWord, ...]:
    """The commands of a script. Raises ScriptInvalid."""
    if len(script) > limits.script_bytes:
        text = f"the script has {len(script)} bytes, and {limits.script_bytes} are allowed"
        raise ScriptInvalid([Mistake(Place(1, 1), text)])
    return _Parser(read_text(script), limits).script()


class _Parser:
    __slots__ = ("_depth", "_limits", "_next", "_tokens")

    def __init__(self, text: str, limits: SieveLimits) -> None:
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._limits = limits
        self._depth = 0

    def script(self) -> tuple[RawWord, ...]:
        commands = self._commands()
        if self._next.kind is not TokenKind.END:
            raise self._mistake('this "}" closes nothing' if self._is("}") else f"{self._next} can't begin a command")
        return commands

    def _commands(self) -> tuple[RawWord, ...]:
        commands: list[RawWord] = []
        while self._next.kind is TokenKind.IDENTIFIER:
            commands.append(self._command())
        return tuple(commands)

    def _command(self) -> RawWord:
        word = self._take()
        arguments, tests = self._arguments()
        if self._is("{"):
            opening = self._take()
            self._descend(opening)
            block = self._commands()
            if not self._is("}"):
                if self._next.kind is TokenKind.END:
                    raise ScriptInvalid([Mistake(opening.place, 'this "{" is never closed')])
                raise self._mistake(f"{self._next} can't begin a command")
            self._take()
            self._depth -= 1
            return RawWord(word.text, word.place, arguments, tests, block)
        if not self._is(";"):
            raise self._mistake(f'after "{word.text}" a ";" or "{{" is missing before {self._next}')
        self._take()
        return RawWord(word.text, word.place, arguments, tests, None)

    def _test(self) -> RawWord:
        if self._next.kind is not TokenKind.IDENTIFIER:
            raise self._mistake(f"a test is expected, not {self._next}")
        word = self._take()
        self._descend(word)
        arguments, tests = self._arguments()
        self._depth -= 1
        return RawWord(word.text, word.place, arguments, tests, None)

    def _arguments(self) -> tuple[tuple[RawArgument, ...], tuple[RawWord, ...]]:
        arguments: list[RawArgument] = []
        while True:
            token = self._next
            if token.kind is TokenKind.TAG:
                arguments.append(RawTag(token.text, token.place))
            elif token.kind is TokenKind.NUMBER:
                arguments.append(RawNumber(token.number, token.place))
            elif token.kind is TokenKind.STRING:
                arguments.append(RawStrings(((token.text, token.place),), False, token.place))
            elif self._is("["):
                arguments.append(self._list())
                continue
            else:
                break
            self._take()
        tests: list[RawWord] = []
        if self._next.kind is TokenKind.IDENTIFIER:
            tests.append(self._test())
        elif self._is("("):
            self._take()
            tests.append(self._test())
            while self._is(","):
                self._take()
                tests.append(self._test())
            if not self._is(")"):
                raise self._mistake(f'"," or ")" is expected between tests, not {self._next}')
            self._take()
        return tuple(arguments), tuple(tests)

    def _list(self) -> RawStrings:
        opening = self._take()
        values: list[tuple[str, Place]] = []
        while True:
            if self._next.kind is not TokenKind.STRING:
                raise self._mistake(f"a string is expected in this list, not {self._next}")
            token = self._take()
            values.append((token.text, token.place))
            if self._is("]"):
                self._take()
                return RawStrings(tuple(values), True, opening.place)
            if not self._is(","):
                raise self._mistake(f'"," or "]" is expected in this list, not {self._next}')
            self._take()

    def _is(self, mark: str) -> bool:
        return self._next.kind is TokenKind.MARK and self._next.text == mark

    def _take(self) -> Token:
        token = self._next
        self._next = next(self._tokens)
        return token

    def _descend(self, at: Token) -> None:
        self._depth += 1
        if self._depth > self._limits.nesting:
            text = f"blocks and tests can be {self._limits.nesting} deep at most"
            raise ScriptInvalid([Mistake(at.place, text)])

    def _mistake(self, text: str) -> ScriptInvalid:
        return ScriptInvalid([Mistake(self._next.place, text)])
