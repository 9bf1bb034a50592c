"""Data folders with people and their mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

import pytest

from pillarbox.cli.exits import CommandFailed
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.tree import run
from pillarbox.store.contract import AccountStore
from tests.cli.commands import CHEAP_HASHES, Said

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """tests.cli.commands.CommandLine within this process: a backup takes many commands, and each start costs."""

    data: Path

    def __call__(self, *words: str) -> Said:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = run([*words, "--data", str(self.data)])
            except CommandFailed as failure:
                code = failure.code
                err.write(f"pillarbox: {failure}\n")
        return Said(code, out.getvalue(), err.getvalue())

    def done(self, *words: str) -> Said:
        """A command that must succeed."""
        said = self(*words)
        assert (said.code, said.err) == (0, "")
        return said


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

    async def work_on_it() -> R:
        place = Place(data=data)
        async with mail_of(place, account_named(place, name)) as mail:
            return await work(mail)

    return asyncio.run(work_on_it())
