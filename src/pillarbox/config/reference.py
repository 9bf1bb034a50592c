"""The reference of all settings, written from the dataclasses themselves: docs/configure.md.

Each setting's text is the string below it in the source, so a setting without one can't hide: `reference` names it.

Must never: say anything that the dataclasses do not say.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pillarbox.config.addresses import format_address
from pillarbox.config.tree import Field, describe, fields_of
from pillarbox.net.settings import ListenAddress

_INTRODUCTION = """\
# Configure Pillarbox

<!-- Written by `pillarbox config reference`. Change the text in the dataclasses, then run it again. -->

Pillarbox runs without a configuration file. To change a setting, write `pillarbox.toml` into the data folder, or name
another file with `--config FILE`; leave out what is right as it is. `pillarbox config check` reports every mistake in
it at once, with its line. A running server of two workers and more takes changes over at SIGHUP (`systemctl reload`)
without dropping a connection, but for those that steer what is opened at the start; its log names these.

```toml
listen = ["192.0.2.10:993", "[2001:db8::10]:993"]

[tls]
certificate_path = "/etc/ssl/mail.example.org/fullchain.pem"
key_path = "/etc/ssl/mail.example.org/key.pem"
```

An address is `HOST:PORT`; the host `*` stands for every address of the machine, IPv6 and IPv4. Relative paths start
at the folder of the file. Where the data folder is, is said with `--data`.
"""


def reference(kind: type) -> str:
    """All settings of a tree as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(table, path) for table, path in _tables(kind, ()))])


def undocumented(kind: type) -> list[str]:
    """The settings of a tree that have no text, each with the module that should hold it. A test wants none."""
    return [
        f"{'.'.join((*path, field.name))} ({table.__module__})"
        for table, path in _tables(kind, ())
        for field in _settings(table, path)
        if not _text(field)
    ]


def _tables(kind: type, path: tuple[str, ...]) -> Iterator[tuple[type, tuple[str, ...]]]:
    yield kind, path
    for field in fields_of(kind):
        if field.table is not None:
            yield from _tables(field.table, (*path, field.name))
        elif field.row is not None:
            yield from _tables(field.row, (*path, field.name))


def _section(kind: type, path: tuple[str, ...]) -> str:
    title = f"## `[{'.'.join(path)}]`" if path else "## The first lines of the file"
    blocks = [title + "\n"]
    if path:
        blocks.append(_one_paragraph(inspect.getdoc(kind) or "") + "\n")
    blocks += [_entry(field, ".".join((*path, field.name))) for field in _settings(kind, path)]
    return "\n".join(blocks)


def _settings(kind: type, path: tuple[str, ...]) -> list[Field]:
    """The values of one table that a file may give; what the root requires comes from the command line."""
    return [field for field in fields_of(kind) if field.table is None and not (field.required and not path)]


def _entry(field: Field, key: str) -> str:
    choices = field.kind if isinstance(field.kind, type) and issubclass(field.kind, enum.Enum) else None
    lines = [f"### `{key}`\n", f"{_capital(describe(field.kind))}; default `{_default(field)}`.\n"]
    lines.append(_one_paragraph(_text(field)) + "\n")
    if choices is not None:
        lines += [
            f'- `"{member.value}"`'
            + (f": {_one_paragraph(said)}" if (said := _texts(choices).get(member.name)) else "")
            for member in choices
        ]
        lines[-1] += "\n"
    return "\n".join(lines)


def _default(field: Field) -> str:
    declared = next(each for each in dataclasses.fields(field.owner) if each.name == field.name)
    if declared.default_factory is not dataclasses.MISSING:
        return _toml(declared.default_factory())
    return "none, it has to be given" if field.required else _toml(declared.default)


def _toml(value: Any) -> str:  # Any: whatever a default may be
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return f'"{value.value}"'
    if isinstance(value, ListenAddress):
        return f'"{format_address(value)}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    if isinstance(value, str | Path):
        return f'"{value}"'
    return (
        f"{value:_}"
        if isinstance(value, int) and value >= 10_000
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _texts(kind: type) -> dict[str, str]:
    """The string that stands below each field or member in the source of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    name = ""
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and name:
            texts[name] = str(statement.value.value)
            name = ""
    return texts


def _text(field: Field) -> str:
    return _texts(field.owner).get(field.name) or _text_of_class(field.kind)


def _text_of_class(kind: object) -> str:
    """What an enum or the dataclass of an array's entries says about itself; empty for plain types."""
    named = get_args(kind)[0] if get_origin(kind) is tuple else kind
    if isinstance(named, type) and (issubclass(named, enum.Enum) or dataclasses.is_dataclass(named)):
        return inspect.getdoc(named) or ""
    return ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())
