"""The TOML file of `pillarbox watch --config`: several accounts and mailboxes in one process.

Must never: hold a password; take a key that nothing reads.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from pillarbox.automation.actions import Action
from pillarbox.automation.handlers import Command
from pillarbox.automation.plan import First, Job, Patience, read_imaps
from pillarbox.secret import Secret

_TOP: Final = ("checkpoint", "metrics_port", "metrics_file", "watch")
_PATIENCE: Final = tuple(field.name for field in fields(Patience))
_JOB: Final = (
    *("name", "url", "password_file", "ca_file", "mailboxes", "exec", "then", "dead_letter", "existing"),
    *_PATIENCE,
)


class PlanInvalid(ValueError):
    """The file is wrong; the text says where and what is expected."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file says."""

    jobs: tuple[Job, ...]
    checkpoint: Path
    metrics_port: int | None
    metrics_file: Path | None


def read_plan(path: Path) -> Plan:
    """Relative paths start at the folder of the file. Raises PlanInvalid, OSError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanInvalid(f"{path}: not TOML: {error}") from error
    top = _Table(path, "", document, _TOP)
    entries = top.value("watch", list, None)
    checkpoint, file = top.path("checkpoint"), top.path("metrics_file")
    if not entries or checkpoint is None:
        raise PlanInvalid(f"{path}: give checkpoint = FILE and a [[watch]] table at least")
    jobs = tuple(
        _job(_Table(path, f"watch {number}: ", each if isinstance(each, dict) else {}, _JOB))
        for number, each in enumerate(entries, 1)
    )
    return Plan(jobs, checkpoint, top.value("metrics_port", int, None), file)


def read_password(path: Path) -> Secret[str]:
    """The first line of a file. Raises OSError."""
    with path.open(encoding="utf-8") as lines:
        return Secret(lines.readline().rstrip("\r\n"))


def _job(table: _Table) -> Job:
    password_file = table.path("password_file")
    if password_file is None:
        raise PlanInvalid(table.text("give password_file"))
    words = table.value("exec", (str, list), "")
    patience = {name: table.value(name, (int, float), None) for name in _PATIENCE}
    try:
        command = Command.read(words) if isinstance(words, str) else Command(tuple(map(str, words)))
        return Job(
            read_imaps(table.value("url", str, ""), table.path("ca_file")),
            read_password(password_file),
            command,
            tuple(dict.fromkeys(map(str, table.value("mailboxes", list, ["INBOX"])))),
            Action.read(table.value("then", str, "keep")),
            Action.read_place(table.value("dead_letter", str, "")),
            First.HAND_OVER if table.value("existing", bool, False) else First.LEAVE,
            Patience(**{name: value for name, value in patience.items() if value is not None}),
            table.value("name", str, ""),
        )
    except OSError as error:
        raise PlanInvalid(table.text(f"can't read {password_file}: {error.strerror}")) from error
    except ValueError as error:
        raise PlanInvalid(table.text(str(error))) from error


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file; complains with its place."""

    file: Path
    place: str
    values: Mapping[str, Any]  # Any: what a TOML file holds until it is checked
    known: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.values:
            if name not in self.known:
                raise PlanInvalid(self.text(f'there is no "{name}"; here are: {", ".join(self.known)}'))

    def text(self, said: str) -> str:
        return f"{self.file}: {self.place}{said}"

    def value(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:  # Any: as above
        found = self.values.get(name, default)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if found is not default and not (isinstance(found, kind) and (bool in kinds or not isinstance(found, bool))):
            raise PlanInvalid(self.text(f"{name} must be {' or '.join(each.__name__ for each in kinds)}"))
        return found

    def path(self, name: str) -> Path | None:
        found = self.value(name, str, None)
        return None if found is None else self.file.absolute().parent / Path(found).expanduser()
