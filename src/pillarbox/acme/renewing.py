"""Which certificates are due.

Only files are read here; `rounds` talks with the authority.

Must never: load what speaks ACME: a worker looks here often, and asks seldom.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pillarbox.acme.folder import AcmeFolder, Issued
from pillarbox.acme.memory import Memory, recall, remember
from pillarbox.acme.names import Wanted, folder_name
from pillarbox.acme.schedule import due_seconds, pause_seconds

_NEVER_ASKED: Final = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """How things are with one certificate."""

    wanted: Wanted
    issued: Issued | None
    memory: Memory
    due_seconds: float
    """When it is to be got: 0 when there is none, or it lacks a name."""

    def is_due(self, now_seconds: float) -> bool:
        """Whether to get it now."""
        return now_seconds >= max(self.due_seconds, self.memory.next_try_seconds)

    @property
    def next_seconds(self) -> float:
        """When there is something to do."""
        trying = max(self.due_seconds, self.memory.next_try_seconds)
        return trying if self.issued is None else min(trying, self.memory.ask_at_seconds)

    def is_to_be_asked_for(self, now_seconds: float) -> bool:
        """Whether renewal information is to be looked at."""
        alive = self.issued is not None and self.issued.until_seconds > now_seconds
        return alive and now_seconds >= self.memory.ask_at_seconds


def state(folder: AcmeFolder, wanted: Wanted) -> State:
    """Of one certificate that is wanted."""
    issued = folder.find(wanted.name)
    memory = recall(folder.renewals_path, wanted.name)
    if issued is None or not set(wanted.names) <= set(issued.names):
        return State(wanted, issued, memory, 0.0)
    if memory.serial != serial_of(issued):
        memory = replace(memory, serial=serial_of(issued), window=None, ask_at_seconds=_NEVER_ASKED)
    return State(wanted, issued, memory, due_seconds(issued, memory.window))


def states(folder: AcmeFolder, wanted: Iterable[Wanted]) -> list[State]:
    """Of those that are wanted, then of those that were issued by hand."""
    chosen = list(wanted)
    names = {each.name for each in chosen}
    by_hand = [_wanted_again(each) for each in folder.all() if each.name not in names]
    return [state(folder, each) for each in (*chosen, *by_hand)]


def _wanted_again(issued: Issued) -> Wanted:
    """The same names; authorities sort them, the folder says which was the first."""
    return Wanted(tuple(sorted(issued.names, key=lambda name: folder_name(name) != issued.name)))


def serial_of(issued: Issued) -> str:
    """Hexadecimal, as authorities write it."""
    return f"{issued.certificate.serial_number:x}"


def after_failure(before: Memory, error: str, wait_seconds: float, now_seconds: float) -> Memory:
    """What is remembered of a certificate that could not be got."""
    failures = before.failures + 1
    pause = pause_seconds(failures, wait_seconds)
    return replace(before, failures=failures, error=error, next_try_seconds=now_seconds + pause)


def keep(folder: AcmeFolder, each: Wanted, memory: Memory) -> None:
    """Raises OSError."""
    remember(folder.renewals_path, each.name, memory)
