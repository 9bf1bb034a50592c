"""What a server does whose process for certificates goes wrong: it tells, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from pillarbox.acme.process import Renewals
from pillarbox.acme.settings import AcmeSettings
from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents

PATIENCE_SECONDS = 60.0
WANTED = AcmeSettings(domains=("mail.example.org",))


class Told(NoEvents):
    """Keeps errors, and says when there is one."""

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self.errors: list[str] = []

    def error(self, event: str, **fields: Field) -> None:
        self.errors.append(f"{event}: {fields.get('error')}")
        self.some.set()

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self.error(event, error=type(error).__name__)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ((sys.executable, "-c", "print('nonsense')"), "certificate.round_failed: JSONDecodeError"),
        ((sys.executable, "-c", "print('{}')"), "certificate.round_failed: KeyError"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "certificate.not_issued: the process that asks ended with 3"),
        (("/no/such/program",), "certificate.not_issued: no process can be started: No such file or directory"),
    ],
)
async def test_a_process_that_goes_wrong_is_told_of_and_ends_nothing(
    tmp_path: Path, command: tuple[str, ...], wanted: str
) -> None:
    told = Told()
    task = asyncio.create_task(Renewals(WANTED, tmp_path, (), HeldClock(), told, command).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await told.some.wait()
    assert told.errors == [wanted]
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_nothing_is_started_while_nothing_is_wanted(tmp_path: Path) -> None:
    told = Told()
    task = asyncio.create_task(Renewals(AcmeSettings(), tmp_path, (), HeldClock(), told, ("/no/such/program",)).run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert (told.errors, task.done()) == ([], False)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
