"""PAM in processes of its own: what its answers mean, and modules that hang, crash or print."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from pillarbox.auth.pam.check import PamCheck, PamUnusable
from pillarbox.auth.pam.settings import PamSettings
from pillarbox.auth.password_check import Accepted, CheckUnavailable, Rejected
from pillarbox.secret import Secret
from tests.auth.recorded import Recorded
from tests.servers.pam_service import pam_people, pam_service

SETTINGS = PamSettings(timeout_seconds=60.0)
RIGHT = Secret(b"wonderland")


@contextlib.asynccontextmanager
async def opened(settings: PamSettings) -> AsyncIterator[PamCheck]:
    check = PamCheck(settings, Recorded())
    try:
        yield check
    finally:
        await check.close()
    assert children() == []


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "pillarbox.auth.pam.child" in each.cmdline()]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PamSettings]:
    with pam_people(tmp_path_factory.mktemp("pam"), {"alice": "wonderland", "bob": "builder"}) as name:
        yield replace(SETTINGS, service=name)


async def judged(settings: PamSettings, name: str) -> Accepted | Rejected:
    async with opened(settings) as check:
        return await check.judge(name, RIGHT)


async def test_pam_says_who_gets_in_and_each_answer_is_for_its_own_question(matrix: PamSettings) -> None:
    async with opened(matrix) as check:
        people = ["alice", "bob", "nobody", "alice"] * 3
        answers = await asyncio.gather(*(check.judge(name, RIGHT) for name in people))
    assert answers == [Accepted("alice"), Rejected.WRONG, Rejected.WRONG, Accepted("alice")] * 3


async def test_with_a_domain_both_spellings_are_one_account_and_other_domains_nobody(matrix: PamSettings) -> None:
    async with opened(replace(matrix, domain="Example.org")) as check:
        assert await check.judge("alice", RIGHT) == Accepted("alice@example.org")
        assert await check.judge("alice@example.org", RIGHT) == Accepted("alice@example.org")
        assert await check.judge("alice@example.net", RIGHT) == Rejected.WRONG


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        ("auth required pam_permit.so\naccount required pam_permit.so\n", Accepted("root")),
        ("auth required pam_deny.so\naccount required pam_permit.so\n", Rejected.WRONG),
        ("auth required pam_permit.so\naccount required pam_debug.so acct=perm_denied\n", Rejected.DISABLED),
        (
            "auth required pam_echo.so it prints\nauth required pam_permit.so\naccount required pam_permit.so\n",
            Accepted("root"),
        ),
    ],
)
async def test_what_a_stack_of_modules_means(lines: str, answer: Accepted | Rejected) -> None:
    with pam_service(lines) as name:
        assert await judged(replace(SETTINGS, service=name), "root") == answer


@pytest.mark.parametrize(
    "lines", ["auth required pam_no_such_module.so\n", "auth required pam_debug.so auth=authinfo_unavail\n"]
)
async def test_a_stack_that_can_not_judge_is_trouble_not_a_wrong_password(lines: str) -> None:
    with pam_service(lines) as name, pytest.raises(CheckUnavailable):
        await judged(replace(SETTINGS, service=name), "root")


async def test_whom_nobody_waits_for_any_more_is_killed(tmp_path: Path) -> None:
    started, script = tmp_path / "started", tmp_path / "hang"
    script.write_text(f"#!/bin/sh\n: > {started}\nexec sleep 30\n")
    script.chmod(0o755)
    with pam_service(f"auth required pam_exec.so quiet {script}\n") as name:
        async with opened(replace(SETTINGS, service=name)) as check:
            asked = asyncio.create_task(check.judge("alice", RIGHT))
            while not started.exists():
                await asyncio.sleep(0.01)
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asked
            assert children() == []


async def test_a_module_that_takes_too_long_is_trouble_not_a_wrong_password() -> None:
    slow = pam_service("auth required pam_exec.so quiet /bin/sleep 30\n")
    with slow as name, pytest.raises(CheckUnavailable, match="in time"):
        await judged(replace(SETTINGS, service=name, timeout_seconds=0.3), "alice")


async def test_a_process_that_was_killed_is_replaced(matrix: PamSettings) -> None:
    async with opened(matrix) as check:
        assert await check.judge("alice", RIGHT) == Accepted("alice")
        (child,) = children()
        child.kill()
        child.wait()
        with contextlib.suppress(CheckUnavailable):  # it may have been handed out before its end was heard of
            await check.judge("alice", RIGHT)
        assert await check.judge("alice", RIGHT) == Accepted("alice")


@pytest.mark.parametrize("service_name", ["", "../passwd"])
def test_a_service_that_can_not_be_is_told_before_serving(service_name: str) -> None:
    with pytest.raises(PamUnusable, match="name of a file"):
        PamCheck(PamSettings(service=service_name), Recorded())
