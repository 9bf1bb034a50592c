"""What SCRAM needs of a password that is set on the command line.

Must never: keep anything when the settings don't offer SCRAM.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from pillarbox.auth.directory import Account, AccountDirectory
from pillarbox.auth.names import prepare_password
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.scram_directory import ACCOUNT_PASSWORD, ScramStore
from pillarbox.auth.settings import AuthSettings
from pillarbox.cli.speech import progress_bar
from pillarbox.secret import Secret


def keep_scram_keys(
    directory: AccountDirectory,
    settings: AuthSettings,
    added: Sequence[tuple[Account, Secret[str]]],
    credential: str = ACCOUNT_PASSWORD,
) -> None:
    """For accounts as they are kept now, with their passwords, or an app password of one with its id.

    Raises DirectoryUnavailable.
    """
    store = ScramStore(directory, settings.sasl)
    if store.hashes:
        asyncio.run(_keep_all(store, settings, added, credential))


async def _keep_all(
    store: ScramStore, settings: AuthSettings, added: Sequence[tuple[Account, Secret[str]]], credential: str
) -> None:
    hasher = PasswordHasher(replace(settings, hash_threads=max(settings.hash_threads, os.cpu_count() or 1)))
    try:
        tasks = [
            asyncio.create_task(
                hasher.scram_keys(Secret(prepare_password(password.reveal())), store.wanted(account, credential))
            )
            for account, password in added
        ]
        with progress_bar("Keys for SCRAM", len(added)) as bar:
            for (account, _), task in zip(added, tasks, strict=True):
                store.keep(account, await task, credential)
                bar.advance(1)
    finally:
        hasher.close()
