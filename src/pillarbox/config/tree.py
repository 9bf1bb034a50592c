"""The settings dataclasses as a tree to walk: fields, types, bounds.

A field that holds another dataclass is a table of its own; everything else is a value. Whole numbers count things and
begin at 1, other numbers at 0, unless the field's metadata says `{"minimum": n}`.

Must never: know a particular setting.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from dataclasses import dataclass

from pillarbox.net.settings import ListenAddress


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a settings dataclass."""

    name: str
    kind: object
    """Its type, resolved."""
    table: type | None
    """The dataclass, when the field is a table."""
    row: type | None
    """The dataclass of its tables, when the field is an array of tables."""
    is_number: bool
    """A number, or a number that may be left out."""
    minimum: float
    owner: type
    required: bool
    """It has no default."""


def fields_of(kind: type) -> list[Field]:
    """The fields of a settings dataclass, in the order written."""
    hints = typing.get_type_hints(kind)
    return [
        Field(
            name=field.name,
            kind=hints[field.name],
            table=hints[field.name] if dataclasses.is_dataclass(hints[field.name]) else None,
            row=_row(hints[field.name]),
            is_number=_without_none(hints[field.name]) in (int, float),
            minimum=float(field.metadata.get("minimum", 1 if _without_none(hints[field.name]) is int else 0)),
            owner=kind,
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    ]


def _row(kind: object) -> type | None:
    named = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None
    return named if isinstance(named, type) and dataclasses.is_dataclass(named) and named is not ListenAddress else None


def _without_none(kind: object) -> object:
    """What a value is when it is there."""
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return parts[0] if is_union and len(parts) == 1 else kind


def describe(kind: object) -> str:
    """A type in words, for an error and for the reference."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(describe(part) for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is tuple:
        return f"an array of {describe(typing.get_args(kind)[0]).removeprefix('a ').removeprefix('an ')}s"
    if kind is ListenAddress:
        return 'a "HOST:PORT"'
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "one of " + ", ".join(f'"{member.value}"' for member in kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return "a table"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return words.get(typing.cast("type", kind), "a path")
