"""An EventLog that keeps what it is told."""

from __future__ import annotations

from pillarbox.events import Field, NoEvents


class Recorded(NoEvents):
    """`seen` holds the events of all levels but debug, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Field]]] = []

    def info(self, event: str, **fields: Field) -> None:
        self.seen.append((event, fields))

    def warning(self, event: str, **fields: Field) -> None:
        self.seen.append((event, fields))

    def error(self, event: str, **fields: Field) -> None:
        self.seen.append((event, fields))
