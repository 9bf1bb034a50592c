"""Everybody's mail: is each account's database whole, and every message's bytes those that came?

Must never: change mail; open what belongs to another user, which would leave files behind that the server can't open.
"""

from __future__ import annotations

import os
from typing import Final

from pillarbox.app.mail import open_mail
from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.check.findings import Verdict
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient
from pillarbox.events import NoEvents
from pillarbox.mail.errors import MailError
from pillarbox.store.contract import AccountId

_SCRIBE: Final = Scribe(Area.MAIL)
_NAMED: Final = 3
"""So many problems of an account are spelled out; the rest is counted."""


async def look(patient: Patient) -> list[Finding]:
    folder = patient.folder
    if not folder.mail_path.is_dir():
        return [_SCRIBE.note("whole", "there is no mail yet")]
    owner = folder.path.stat().st_uid
    if owner != os.geteuid():
        return [_SCRIBE.unknown("whole", "not looked at: it is another user's", f"sudo -u '#{owner}' pillarbox doctor")]
    try:
        store = await open_mail(patient.settings, patient.clock, NoEvents())
    except MailError as error:
        return [_SCRIBE.failure("whole", f"{folder.mail_path}: {error}", "Look at its rights and at the disk.")]
    try:
        names = _login_names(patient)
        accounts = await store.accounts()
        found = []
        with patient.progress("Reading mail", len(accounts)) as bar:
            for account in accounts:
                found += _account(names, account, await store.check(account), patient)
                bar.advance(1)
    finally:
        await store.close()
    if not accounts:
        return [_SCRIBE.note("whole", "there is no mail yet")]
    if not any(each.verdict is Verdict.FAILURE for each in found):
        count = len(accounts)
        found.insert(0, _SCRIBE.good("whole", f"the mail of {count} account{'' if count == 1 else 's'} is whole"))
    return found


def _account(names: dict[AccountId, str], account: AccountId, problems: list[str], patient: Patient) -> list[Finding]:
    found = []
    if problems:
        more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        found.append(
            _SCRIBE.failure(
                "whole",
                f"{names.get(account, account)}: {'; '.join(problems[:_NAMED])}{more}",
                f"Stop the server, keep a copy of the folder */{account} in {patient.folder.mail_path}, and restore "
                "it from your backup.",
            )
        )
    if names and account not in names:
        found.append(
            _SCRIBE.note(
                "nobody",
                f"mail of nobody: the account {account} is gone",
                f"Look at it, then remove the folder */{account} in {patient.folder.mail_path}.",
            )
        )
    return found


def _login_names(patient: Patient) -> dict[AccountId, str]:
    path = patient.folder.accounts_path
    if not path.exists():
        return {}
    try:
        directory = AccountDirectory.open(path, patient.clock)
    except DirectoryUnavailable:
        return {}  # said under Configuration
    try:
        return {account.id: account.login_name for account in directory.accounts()}
    except DirectoryUnavailable:
        return {}
    finally:
        directory.close()
