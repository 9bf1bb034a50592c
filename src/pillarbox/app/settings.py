"""Everything a server process is built from. `config` fills it, `app.server.serve` takes it.

Must never: read a file or the environment.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.acme.settings import AcmeSettings
from pillarbox.app.privileges import RunAsSettings
from pillarbox.audit.settings import AuditSettings
from pillarbox.auth.settings import AuthSettings
from pillarbox.delivery.settings import DeliverySettings
from pillarbox.imap.limits import ImapLimits
from pillarbox.mime.limits import MimeLimits
from pillarbox.net.lmtp_settings import LmtpSettings
from pillarbox.net.managesieve_settings import ManageSieveSettings
from pillarbox.net.settings import ListenAddress, NetSettings, TlsSettings
from pillarbox.push.settings import EventsSettings
from pillarbox.sharing.settings import SharingSettings
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import NewAccount, StoreLimits
from pillarbox.store.sqlite import IndexSettings, SqliteSettings
from pillarbox.web.settings import ClientSetupSettings, WebSettings


class LogLevel(enum.Enum):
    """Events below this are dropped."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogStyle(enum.Enum):
    """How a line of the log looks."""

    AUTO = "auto"
    """TEXT on a terminal, JSON elsewhere."""
    JSON = "json"
    """One JSON object a line, for programs."""
    TEXT = "text"
    """For people."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: LogLevel = LogLevel.INFO
    """Events below it are left out. `info` has one line for each connection and each login decision."""
    style: LogStyle = LogStyle.AUTO
    """How lines look: `auto` is text on a terminal and JSON elsewhere."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One server."""

    data_folder: Path
    """Made on the first run, 0700."""
    listen: tuple[ListenAddress, ...] = (ListenAddress(),)
    """Where clients connect, `HOST:PORT`; `*` is every address. 993 is the port that clients try first (RFC 8314)."""
    workers: int | None = None
    """Processes that serve; none is one for each processor. 1 serves in the process that was started."""
    run_as: RunAsSettings = field(default_factory=RunAsSettings)
    listen_starttls: tuple[ListenAddress, ...] = ()
    """Where TLS begins with STARTTLS, such as `["*:143"]`, for programs that can't do otherwise. In clear nothing is
    served there but STARTTLS itself, and whoever is in between can keep it from being offered: better leave it out."""
    proxy_from: tuple[str, ...] = ()
    """Addresses and networks of load balancers in front of `listen` and `listen_starttls`, such as `["192.0.2.7"]`.
    What comes from there begins with a PROXY header (version 1 or 2) that says whose connection it is; others are
    refused when they send one."""
    net: NetSettings = field(default_factory=NetSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    imap: ImapLimits = field(default_factory=ImapLimits)
    store: StoreLimits = field(default_factory=StoreLimits)
    new_account: NewAccount = field(default_factory=NewAccount)
    sqlite: SqliteSettings = field(default_factory=SqliteSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    mime: MimeLimits = field(default_factory=MimeLimits)
    auth: AuthSettings = field(default_factory=AuthSettings)
    sharing: SharingSettings = field(default_factory=SharingSettings)
    log: LogSettings = field(default_factory=LogSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    client_setup: ClientSetupSettings = field(default_factory=ClientSetupSettings)
    web: WebSettings = field(default_factory=WebSettings)
    sieve: SieveLimits = field(default_factory=SieveLimits)
    managesieve: ManageSieveSettings = field(default_factory=ManageSieveSettings)
    lmtp: LmtpSettings = field(default_factory=LmtpSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    events: EventsSettings = field(default_factory=EventsSettings)
    acme: AcmeSettings = field(default_factory=AcmeSettings)

    @property
    def processes(self) -> int:
        """How many workers that makes on this machine."""
        return self.workers or len(os.sched_getaffinity(0))
