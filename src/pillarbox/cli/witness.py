"""What a command changes goes into the audit log: by whom, and what (docs/audit.md).

A command says so when it is done; objects that take an EventLog may have the witness for one.

Must never: undo or refuse a change because it can't be written down; it complains then.
"""

from __future__ import annotations

import os
import pwd

from pillarbox.audit.recorder import AuditedLog, AuditRecorder
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail
from pillarbox.cli.exits import CommandFailed
from pillarbox.cli.place import Place
from pillarbox.cli.speech import complain
from pillarbox.clock import SystemClock
from pillarbox.events import EventLog, Field, NoEvents


def witness(place: Place, listener: EventLog | None = None) -> EventLog:
    """Keeps audited events in the log of the server at `place`; says nothing, unless `listener` does."""
    settings = _settings(place)
    trail = AuditTrail(place.folder.audit_path, settings)
    recorder = AuditRecorder(trail, settings, _actor(), SystemClock(), _Complaints())
    return AuditedLog(listener or NoEvents(), recorder.record)


class _Complaints(NoEvents):
    """Tells the person when the audit log can't be written."""

    def error(self, event: str, **fields: Field) -> None:
        complain(f"this is not in the audit log: {fields.get('error')}")


def _settings(place: Place) -> AuditSettings:
    try:
        return place.settings().audit
    except CommandFailed:
        return AuditSettings()  # what needs the settings complains; this does not


def _actor() -> str:
    """`command:root`, and behind sudo whose hands those were."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = f"#{number}"
    behind = os.environ.get("SUDO_USER")
    return f"command:{name}" + (f" (sudo: {behind})" if behind else "")
