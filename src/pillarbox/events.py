"""Operational events: what the log says, by name with fields. Never secrets, never message text.

Rooms get an EventLog; `app` decides where events go.
"""

from __future__ import annotations

from typing import Protocol

Field = str | int | float | bool | None


class EventLog(Protocol):
    """Takes events. The level is part of the call; names are dotted lower case, such as `login.denied`."""

    def debug(self, event: str, **fields: Field) -> None: ...

    def info(self, event: str, **fields: Field) -> None: ...

    def warning(self, event: str, **fields: Field) -> None: ...

    def error(self, event: str, **fields: Field) -> None: ...

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        """An error of ours, with its traceback."""
        ...


class NoEvents:
    """Drops everything; for unit tests."""

    def debug(self, event: str, **fields: Field) -> None:
        pass

    def info(self, event: str, **fields: Field) -> None:
        pass

    def warning(self, event: str, **fields: Field) -> None:
        pass

    def error(self, event: str, **fields: Field) -> None:
        pass

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        pass
