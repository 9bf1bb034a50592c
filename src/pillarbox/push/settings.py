"""Who is told what happens in people's mail. `config` fills it in.

Must never: hold a secret, only where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """One address that is told what happens."""

    url: str
    """Where events are sent by POST: `https://...`, or `http://` for this machine (localhost, 127.0.0.1, [::1])."""
    secret_path: Path
    """File whose first line is the secret that each request is signed with (docs/automation.md)."""
    accounts: tuple[str, ...] = ()
    """Login names whose events are sent. None: everybody's, and alarms about many; each message of theirs costs some
    memory."""
    kinds: tuple[str, ...] = ()
    """Names of RFC 5423 that are sent, such as MessageNew, and LoginAlarm (docs/logins.md). None: all there are."""
    ca_path: Path | None = None
    """Certificates (PEM) that the receiver's is trusted by. None: those of the system."""


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """Events of people's mail (RFC 5423) for other programs: signed webhooks, and a stream over HTTPS."""

    webhooks: tuple[WebhookSettings, ...] = ()
    """Who is told. Each is a table `[[events.webhooks]]`, in order and independent of the others."""
    stream: bool = False
    """Whether `/events` on the HTTPS port streams an account's events to who knows its password."""
    timeout_seconds: float = 10.0
    """A receiver that has not answered by then has failed."""
    attempts: int = 15
    """An event that failed so often is put aside, and the log says so. With these pauses that takes five hours."""
    pause_seconds: float = 1.0
    """Before the second attempt; twice as long before each next one."""
    most_pause_seconds: float = 3600.0
    """The longest of these pauses."""
    max_waiting: int = 1_000
    """Events of one account that are taken from the store at a time. The others wait there."""
    stream_seconds: float = 3600.0
    """The longest life of a stream; programs come back by themselves and miss nothing."""
