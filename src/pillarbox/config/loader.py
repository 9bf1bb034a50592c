"""Reads pillarbox.toml into a settings dataclass.

Two steps: the tree is walked for unknown keys, addresses and bounds; pydantic checks the types, strictly (the text
"10" is no number). What both find is reported together.

Must never: stop at the first mistake; take a key that nothing reads.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pillarbox.config.addresses import AddressInvalid, parse_address
from pillarbox.config.mistakes import KeyPath, LineFinder, Mistake, in_order, spell
from pillarbox.config.tree import Field, describe, fields_of
from pillarbox.net.settings import ListenAddress

T = TypeVar("T")
Table = dict[str, Any]  # Any: what a TOML file holds until it is checked


class ConfigInvalid(Exception):
    """A configuration file that can't be used; `mistakes` holds all that is wrong with it."""

    def __init__(self, path: Path, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(f"{path}: {mistake}" for mistake in mistakes))
        self.path = path
        self.mistakes = tuple(mistakes)


def load(kind: type[T], path: Path | None, given: Table) -> T:
    """The settings of a file, or the defaults when `path` is None.

    `given` holds values of the root that come from elsewhere (the command line): they win, and what is in it without
    a default must not be in the file. Relative paths in the file start at the folder of the file.
    Raises ConfigInvalid; OSError when the file can't be read.
    """
    if path is None:
        return kind(**given)
    import pydantic  # 5 MB that only files need

    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(path, [Mistake("", 0, f"not TOML: {error}")]) from error
    reading = _Reading(LineFinder(text))
    outside = {field.name for field in fields_of(kind) if field.required}
    table = reading.table(kind, document, (), outside)
    adapter: pydantic.TypeAdapter[T] = pydantic.TypeAdapter(kind)
    placeholders = dict.fromkeys(outside, ".")
    try:
        filled = adapter.validate_json(json.dumps(table | placeholders, default=str), strict=True)
    except pydantic.ValidationError as error:
        for detail in error.errors(include_url=False):
            reading.mistyped(kind, detail["loc"])
    if reading.mistakes:
        raise ConfigInvalid(path, in_order(reading.mistakes))
    filled = _anchored(filled, path.absolute().parent)
    return dataclasses.replace(filled, **given)  # type: ignore[type-var]  # T is a dataclass: fields_of() read it


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigInvalid(path, [Mistake("", 0, "not UTF-8, which TOML files have to be in")]) from error


class _Reading:
    """One pass over one document; gathers what is wrong."""

    def __init__(self, lines: LineFinder) -> None:
        self.mistakes: list[Mistake] = []
        self._lines = lines

    def table(self, kind: type, given: Table, path: KeyPath, outside: set[str]) -> Table:
        """The known keys of a table, addresses taken apart, without what was found wrong."""
        fields = {field.name: field for field in fields_of(kind) if field.name not in outside}
        kept: Table = {}
        for name, value in given.items():
            here = (*path, name)
            if name in outside:
                self._mistake(here, f"is given on the command line (--{name.split('_')[0]}), not in the file")
            elif name not in fields:
                self._mistake(here, "there is no such setting" + _suggestion(name, list(fields)))
            elif (table := fields[name].table) is not None and isinstance(value, dict):
                kept[name] = self.table(table, value, here, set())
            elif (row := fields[name].row) is not None and isinstance(value, list):
                kept[name] = [
                    self.table(row, each, (*here, number), set()) if isinstance(each, dict) else each
                    for number, each in enumerate(value)
                ]
            elif self._is_within(fields[name], value, here):
                self._keep(kept, fields[name], value, here)
        return kept

    def mistyped(self, kind: type, location: KeyPath) -> None:
        """A mistake that pydantic found: say what is expected there."""
        expected: object = kind
        path: list[str | int] = []
        for step in location:
            if isinstance(step, str) and isinstance(expected, type) and dataclasses.is_dataclass(expected):
                known = {field.name: field.kind for field in fields_of(expected)}
                if step not in known:
                    break
                expected = known[step]
            elif isinstance(step, int) and get_origin(expected) is tuple:
                expected = get_args(expected)[0]
            else:
                break  # a member of a union: what stands above says enough
            path.append(step)
        self._mistake(tuple(path), f"must be {describe(expected)}")

    def _keep(self, kept: Table, field: Field, value: object, path: KeyPath) -> None:
        """Put a value in place; arrays of addresses may hold "HOST:PORT"."""
        if field.kind != tuple[ListenAddress, ...] or not isinstance(value, list):
            kept[field.name] = value
            return
        addresses = []
        for number, entry in enumerate(value):
            try:
                addresses.append(dataclasses.asdict(parse_address(entry if isinstance(entry, str) else str(entry))))
            except AddressInvalid as error:
                self._mistake((*path, number), str(error))
        if not value:
            self._mistake(path, "must name one address at least")
        kept[field.name] = addresses

    def _is_within(self, field: Field, value: object, path: KeyPath) -> bool:
        if not field.is_number or isinstance(value, bool) or not isinstance(value, int | float):
            return True  # not a number: whether it may be is the type's affair
        if not math.isfinite(value):
            self._mistake(path, "must be a number that ends somewhere")
        elif value < field.minimum:
            self._mistake(path, f"must be {field.minimum:g} or more")
        else:
            return True
        return False

    def _mistake(self, path: KeyPath, text: str) -> None:
        mistake = Mistake(spell(path), self._lines.line_of(path), text)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else f"; here are: {', '.join(known)}"


def _anchored(value: T, folder: Path) -> T:
    """The settings with relative paths made absolute, starting at `folder`."""
    changes: Table = {}
    for field in fields_of(type(value)):
        held = getattr(value, field.name)
        if isinstance(held, Path):
            changes[field.name] = folder / held
        elif field.table is not None:
            changes[field.name] = _anchored(held, folder)
        elif field.row is not None:
            changes[field.name] = tuple(_anchored(each, folder) for each in held)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # T is a dataclass: fields_of() read it
