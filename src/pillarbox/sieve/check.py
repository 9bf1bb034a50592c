"""From the tree of words to a script that can run: every word known, required, and with the arguments it needs.

Must never: raise anything but ScriptInvalid, which names all mistakes that were found (up to some twenty).
RFC 5228 sections 2.6 and 3.2; strings with variables: RFC 5229 section 3; encoded characters: RFC 5228 section 2.4.2.4:

    encoded-arb-octets   = "${hex:" hex-pair-seq "}"
    encoded-unicode-char = "${unicode:" unicode-hex-seq "}"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pillarbox.sieve.errors import Mistake, Place, ScriptInvalid
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.parser import RawNumber, RawStrings, RawTag, RawWord, parse
from pillarbox.sieve.script import Call, Kind, Script, Tag, Tests, Value, Word
from pillarbox.sieve.table import ACTIONS, EXTENSIONS, TESTS
from pillarbox.sieve.text import Reference, Text

_MOST_MISTAKES: Final = 20
_MOST_MATCHES: Final = 99
"""The highest match variable; RFC 5229 section 6 wants 9 at least."""

_reference = re.compile(r"\$\{((?:[A-Za-z_][A-Za-z0-9_]*\.)*(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+))\}")
_hex = re.compile(r"\$\{hex:\s*((?:[0-9a-f]{1,2}\s+)*+[0-9a-f]{1,2})\s*\}", re.IGNORECASE)
_unicode = re.compile(r"\$\{unicode:\s*((?:[0-9a-f]+\s+)*+[0-9a-f]+)\s*\}", re.IGNORECASE)


def compile_script(source: bytes, limits: SieveLimits) -> Script:
    """A script that can run. Raises ScriptInvalid."""
    raw = parse(source, limits)
    return _Checking().script(raw)


class _TooMany(Exception):
    """Enough mistakes were found."""


class _Checking:
    def __init__(self) -> None:
        self._mistakes: list[Mistake] = []
        self._required: set[str] = set()

    def script(self, raw: Sequence[RawWord]) -> Script:
        try:
            rest = self._requires(raw)
            commands = self._block(rest)
        except _TooMany:
            commands = ()
        if self._mistakes:
            raise ScriptInvalid(sorted(self._mistakes))
        return Script(commands, frozenset(self._required))

    # --- what checks of words may ask ------------------------------------------------------------

    def mistake(self, place: Place, text: str) -> None:
        self._mistakes.append(Mistake(place, text))
        if len(self._mistakes) >= _MOST_MISTAKES:
            raise _TooMany

    def has(self, extension: str) -> bool:
        return extension in self._required

    # --- commands --------------------------------------------------------------------------------

    def _requires(self, raw: Sequence[RawWord]) -> Sequence[RawWord]:
        """Take in the `require` commands that a script begins with."""
        count = 0
        for word in raw:
            if word.name != "require":
                break
            count += 1
            if len(word.arguments) != 1 or not isinstance(word.arguments[0], RawStrings):
                self.mistake(word.place, 'require needs one string or list, as in require ["fileinto"];')
                continue
            for name, place in word.arguments[0].values:
                if name not in EXTENSIONS:
                    self.mistake(place, f'there is no extension "{name[:60]}" here; there are: {" ".join(EXTENSIONS)}')
                self._required.add(name)
        return raw[count:]

    def _block(self, raw: Sequence[RawWord]) -> tuple[Call, ...]:
        """The commands of a block, each elsif and else hung onto what it follows."""
        calls: list[Call] = []
        at = len(raw)
        chain: tuple[Call, ...] = ()
        while at:
            at -= 1
            word = raw[at]
            before = raw[at - 1].name if at else ""
            call = self._call(word, ACTIONS, "command")
            if word.name in ("elsif", "else"):
                if before not in ("if", "elsif"):
                    self.mistake(word.place, f"{word.name} must follow if or elsif")
                chain = () if call is None else (replace(call, otherwise=chain),)
            elif call is not None:
                calls.append(replace(call, otherwise=chain) if word.name == "if" else call)
                chain = ()
        return tuple(reversed(calls))

    def _call(self, raw: RawWord, table: Mapping[str, Word], what: str) -> Call | None:
        word = table.get(raw.name)
        if word is None:
            self._unknown(raw, what)
            return None
        if word.extension and not self._required.intersection(word.extension):
            self.mistake(raw.place, f'"{word.name}" needs require "{word.extension[0]}"; at the top')
        tags, rest = self._tags(word, raw)
        arguments = self._positional(word, raw, rest)
        tests = self._tests(word, raw)
        if (raw.block is not None) != word.block and what == "command":
            self.mistake(
                raw.place, f'{word.name} needs a block "{{ ... }}"' if word.block else f"{word.name} has no block"
            )
        call = Call(word, raw.place, tags, arguments or (), tests, self._block(raw.block or ()))
        if word.check is not None and arguments is not None:
            word.check(call, self)
        return call

    def _unknown(self, raw: RawWord, what: str) -> None:
        if raw.name == "require":
            self.mistake(raw.place, "require can stand at the top of a script only")
        elif raw.name in TESTS or raw.name in ACTIONS:
            other = "test" if what == "command" else "command"
            self.mistake(raw.place, f'"{raw.name}" is a {other}, and a {what} is expected here')
        else:
            self.mistake(raw.place, f'there is no {what} "{raw.name[:60]}"')

    def _tests(self, word: Word, raw: RawWord) -> tuple[Call, ...]:
        count = len(raw.tests)
        if word.tests is Tests.NONE and count:
            self.mistake(raw.tests[0].place, f"{word.name} takes no test")
            return ()
        if (word.tests is Tests.ONE and count != 1) or (word.tests is Tests.LIST and not count):
            self.mistake(raw.place, f"{word.name} needs {'one test' if word.tests is Tests.ONE else 'tests'}")
            return ()
        return tuple(call for test in raw.tests if (call := self._call(test, TESTS, "test")) is not None)

    # --- arguments -------------------------------------------------------------------------------

    def _tags(self, word: Word, raw: RawWord) -> tuple[dict[str, Value], list[RawNumber | RawStrings]]:
        known = {tag.name: tag for tag in word.tags}
        found: dict[str, Value] = {}
        groups: dict[str, str] = {}
        rest: list[RawNumber | RawStrings] = []
        waiting = list(reversed(raw.arguments))
        while waiting:
            argument = waiting.pop()
            if not isinstance(argument, RawTag):
                rest.append(argument)
                continue
            name = argument.name
            tag = known.get(name)
            if tag is None:
                self.mistake(argument.place, f"{word.name} has no :{name[:60]}")
                continue
            if rest:
                self.mistake(argument.place, f":{name} must stand before the other arguments of {word.name}")
            if tag.extension and tag.extension not in self._required:
                self.mistake(argument.place, f':{name} needs require "{tag.extension}"; at the top')
            if name in found or (tag.group and tag.group in groups):
                self.mistake(argument.place, f":{name} can't stand beside :{groups.get(tag.group, name)}")
            if tag.group:
                groups[tag.group] = name
            found[name] = None
            if tag.takes is not None:
                following = waiting.pop() if waiting and not isinstance(waiting[-1], RawTag) else None
                assert not isinstance(following, RawTag)
                found[name] = self._value(f":{name}", tag.takes, following, argument.place)
                self._check_choice(tag, found[name])
        for name in found:
            if known[name].needs and known[name].needs not in found:
                self.mistake(raw.place, f":{name} needs :{known[name].needs} beside it")
        return found, rest

    def _check_choice(self, tag: Tag, value: Value) -> None:
        if tag.choices and isinstance(value, Text) and value.source.lower() not in tag.choices:
            self.mistake(value.place, f":{tag.name} must be one of: {', '.join(sorted(tag.choices))}")

    def _positional(self, word: Word, raw: RawWord, rest: Sequence[RawNumber | RawStrings]) -> tuple[Value, ...] | None:
        form = next((form for form in word.forms if len(form) == len(rest)), None)
        if form is None:
            needs = " or ".join(" and ".join(kind.value for kind in form) or "nothing" for form in word.forms)
            self.mistake(raw.place, f"{word.name} needs {needs}")
            return None
        values = tuple(self._value(word.name, kind, given, raw.place) for kind, given in zip(form, rest, strict=True))
        return None if any(value is None for value in values) else values

    def _value(self, owner: str, kind: Kind, given: RawNumber | RawStrings | None, place: Place) -> Value:
        match kind, given:
            case Kind.NUMBER, RawNumber():
                return given.value
            case Kind.STRING, RawStrings(is_list=False):
                return self._text(*given.values[0])
            case Kind.STRINGS, RawStrings():
                return tuple(self._text(*value) for value in given.values)
        self.mistake(place if given is None else given.place, f"{owner} needs {kind.value}")
        return None

    def _text(self, source: str, place: Place) -> Text:
        if "${" not in source:
            return Text((source,), source, place)
        if self.has("encoded-character"):
            source = self._decode(source, place)
        if not self.has("variables"):
            return Text((source,), source, place)
        pieces: list[str | Reference] = []
        at = 0
        for match in _reference.finditer(source):
            pieces.append(source[at : match.start()])
            name, at = match[1].lower(), match.end()
            if "." in name:
                self.mistake(place, f'no extension has variables such as "{match[0][:60]}"')
            elif name.isdigit() and (len(name) > 9 or int(name) > _MOST_MATCHES):
                self.mistake(place, f"match variables end with ${{{_MOST_MATCHES}}}")
            else:
                pieces.append(Reference(name, int(name) if name.isdigit() else -1))
        pieces.append(source[at:])
        return Text(tuple(piece for piece in pieces if piece), source, place)

    def _decode(self, source: str, place: Place) -> str:
        def octets(match: re.Match[str]) -> str:
            try:
                return bytes(int(pair, 16) for pair in match[1].split()).decode("utf-8")
            except UnicodeDecodeError:
                self.mistake(place, f'"{match[0][:60]}" gives bytes that are not UTF-8')
                return ""

        def characters(match: re.Match[str]) -> str:
            try:
                text = "".join(chr(int(code[-9:], 16)) for code in match[1].split())
                text.encode("utf-8")
            except (ValueError, OverflowError):
                self.mistake(place, f'"{match[0][:60]}" is no Unicode character')
                return ""
            return text

        return _unicode.sub(characters, _hex.sub(octets, source))
