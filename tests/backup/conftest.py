"""Data folders with people and their mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.store.contract import AccountStore
from tests.cli.commands import CHEAP_HASHES, CommandLine

R = TypeVar("R")


@pytest.fixture
def pillarbox(tmp_path: Path) -> CommandLine:
    """The command line on a new data folder with alice and bob."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "pillarbox.toml").write_text(CHEAP_HASHES)
    line = CommandLine(data)
    people = tmp_path / "people.csv"
    people.write_text("alice,wonderland\nbob,builder-of-things\n")
    line("user", "import", str(people))
    return line


def with_mail(data: Path, name: str, work: Callable[[AccountStore], Awaitable[R]]) -> R:
    """Do something with an account's mail, in this process."""

    async def run() -> R:
        place = Place(data=data)
        async with mail_of(place, account_named(place, name)) as mail:
            return await work(mail)

    return asyncio.run(run())
