"""Installations to examine, and a DNS that says what the test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import SystemClock
from pillarbox.doctor.patient import Bar, NamesUnknown, Patient
from pillarbox.net.settings import ListenAddress, TlsSettings
from pillarbox.web.settings import ClientSetupSettings, WebSettings


@dataclass
class FakeNames:
    """A DNS with few names; None is a DNS that doesn't answer."""

    hosts: dict[str, tuple[str, ...]] | None = field(default_factory=dict)
    targets: dict[str, tuple[tuple[str, int], ...]] | None = field(default_factory=dict)

    async def addresses(self, host: str) -> tuple[str, ...]:
        if self.hosts is None:
            raise NamesUnknown("no answer in time")
        return self.hosts.get(host, ())

    async def services(self, name: str) -> tuple[tuple[str, int], ...]:
        if self.targets is None:
            raise NamesUnknown("no answer in time")
        return self.targets.get(name, ())


class Bars:
    """Remembers what was told about progress."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.advanced = 0.0

    def advance(self, amount: float) -> None:
        self.advanced += amount

    @contextmanager
    def __call__(self, title: str, total: float) -> Iterator[Bar]:
        self.told.append((title, total))
        yield self


def settings_of(
    folder: Path,
    tls: TlsSettings | None = None,
    client_setup: ClientSetupSettings | None = None,
    listen: tuple[ListenAddress, ...] = (ListenAddress("127.0.0.1", 993),),
    web: tuple[ListenAddress, ...] = (),
) -> ServerSettings:
    return ServerSettings(
        data_folder=folder,
        listen=listen,
        tls=tls or TlsSettings(),
        client_setup=client_setup or ClientSetupSettings(domains=("example.org",), imap_host="mail.example.org"),
        web=WebSettings(listen=web),
    )


def patient_of(
    settings: ServerSettings, names: FakeNames | None = None, config: Path | None = None, progress: Bars | None = None
) -> Patient:
    return Patient(settings, config, SystemClock(), names or FakeNames(), progress or Bars())


def installed(folder: Path, *names: str) -> Path:
    """A data folder with accounts."""
    place = DataFolder(folder)
    place.prepare()
    directory = AccountDirectory.open(place.accounts_path, SystemClock())
    for name in names:
        directory.add(name, "$argon2id$no-hash")
    directory.close()
    return folder
