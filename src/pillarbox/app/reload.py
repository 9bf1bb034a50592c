"""Which settings a running server takes over when they are read anew.

Must never: change what was opened before the workers were started, such as sockets and certificates' places.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final

from pillarbox.app.settings import ServerSettings
from pillarbox.events import EventLog

AT_START: Final = frozenset(
    {
        "data_folder",
        "listen",
        "listen_starttls",
        "workers",
        "run_as",
        "tls",
        "log",
        "audit",
        "client_setup",
        "web",
        "lmtp",
        "managesieve",
        "events",
    }
)
"""Tables that count from the next start: they steer what is opened once."""


def reloaded(running: ServerSettings, read: ServerSettings, events: EventLog) -> ServerSettings:
    """The settings to go on with; those that need a start are as they were, and the log names them."""
    kept = {each.name: getattr(running, each.name) for each in fields(running) if each.name in AT_START}
    later = sorted(name for name, value in kept.items() if getattr(read, name) != value)
    if later:
        events.warning("settings.need_restart", settings=", ".join(later))
    return replace(read, **kept)
