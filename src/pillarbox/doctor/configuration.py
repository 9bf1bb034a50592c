"""The configuration file, and what its values add up to.

Must never: call a choice a mistake.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from pillarbox.app.client_setup import IMAPS, site_of
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.config import ConfigInvalid, load
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient
from pillarbox.web.client_settings import AddressUnusable, SetupInvalid, ascii_host

_SCRIBE: Final = Scribe(Area.CONFIGURATION)
HTTPS: Final = 443


async def look(patient: Patient) -> list[Finding]:
    return [*_file(patient), *_choices(patient.settings), *_accounts(patient)]


def _file(patient: Patient) -> Iterator[Finding]:
    path = patient.config_path
    try:
        load(ServerSettings, path, {"data_folder": patient.settings.data_folder})
    except ConfigInvalid as error:
        for mistake in error.mistakes:
            yield _SCRIBE.failure(
                "file",
                f"{path}: {mistake}",
                "Mend it; the settings are in docs/configure.md. Then: pillarbox config check",
            )
        return
    except OSError as error:
        yield _SCRIBE.failure(
            "file", f"can't read {path}: {error.strerror}", "Name a file that is there with --config."
        )
        return
    yield _SCRIBE.good("file", f"{path} is fine" if path else "there is no pillarbox.toml; all settings are defaults")


def _choices(settings: ServerSettings) -> Iterator[Finding]:
    try:
        site = site_of(settings)
    except SetupInvalid as error:
        yield _SCRIBE.failure("client_setup", str(error), "Mend it in pillarbox.toml.")
        return
    if settings.listen[0].port != IMAPS and not settings.client_setup.imap_port:
        yield _SCRIBE.note(
            "port",
            f"IMAP is on port {settings.listen[0].port}; programs try {IMAPS} first",
            "When a gateway forwards 993 to it, set client_setup.imap_port = 993.",
        )
    if not site.domains:
        yield _SCRIBE.note(
            "domains",
            "client_setup.domains names no mail domain, so `pillarbox dns` has to be told",
            'Set it in pillarbox.toml: [client_setup] domains = ["example.org"]',
        )
    if site.smtp is None:
        yield _SCRIBE.note(
            "sending",
            "no server for sending is named: Thunderbird and Apple's programs can't set themselves up",
            "Set client_setup.smtp_host.",
        )
    if site.web_port not in (None, HTTPS):
        yield _SCRIBE.note(
            "web_port",
            f"HTTPS is on port {site.web_port}; programs that look for their settings know 443 only",
            'Set web.listen = ["*:443"], or forward 443 and set client_setup.web_port = 443.',
        )


def _accounts(patient: Patient) -> Iterator[Finding]:
    path = patient.folder.accounts_path
    if not path.exists():
        yield _SCRIBE.warning("accounts", "there are no accounts", "Let somebody in: pillarbox user add NAME")
        return
    owner = path.stat().st_uid
    if owner != os.geteuid():
        # Opening it would leave files behind that the server can't open.
        yield _SCRIBE.unknown("accounts", "not looked at: it is another user's", f"sudo -u '#{owner}' pillarbox doctor")
        return
    try:
        directory = AccountDirectory.open(path, patient.clock)
        try:
            accounts = directory.accounts()
        finally:
            directory.close()
    except DirectoryUnavailable as error:
        yield _SCRIBE.failure("accounts", str(error), f"Restore {path} from your backup, or mend its rights.")
        return
    served = set()
    for domain in patient.settings.client_setup.domains:
        try:
            served.add(ascii_host(domain))
        except AddressUnusable:
            continue  # named above
    elsewhere = sorted({domain for each in accounts if (domain := _domain(each.login_name)) and domain not in served})
    if served and elsewhere:
        yield _SCRIBE.warning(
            "account_domains",
            f"accounts of domains that are not in client_setup.domains: {', '.join(elsewhere)}",
            "Add them, or these people's programs get no settings.",
        )
    if accounts:
        count = len(accounts)
        yield _SCRIBE.good("accounts", f"{count} account{'' if count == 1 else 's'}")
    else:
        yield _SCRIBE.warning("accounts", "there are no accounts", "Let somebody in: pillarbox user add NAME")


def _domain(login_name: str) -> str:
    try:
        return ascii_host(login_name.rpartition("@")[2]) if "@" in login_name else ""
    except AddressUnusable:
        return ""
