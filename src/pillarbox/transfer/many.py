"""Many accounts at once, each with its own connection, patient with a source that drops it.

Must never: give up an account for another one's failure.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import apsw

from pillarbox.clock import Clock
from pillarbox.mail.errors import MailError
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId, Store
from pillarbox.transfer.address import Address
from pillarbox.transfer.checkpoint import Checkpoint, CheckpointBusy
from pillarbox.transfer.compare import compare_folder
from pillarbox.transfer.migration import Migration, Target, Wishes
from pillarbox.transfer.progress import Outcome, Progress
from pillarbox.transfer.source import ImapSource, SourceLost, SourceRefused
from pillarbox.transfer.windows import Thread


@dataclass(frozen=True, slots=True)
class Patience:
    """How a source that is away is waited for."""

    tries: int = 8
    """In a row without a message in between."""
    first_pause_seconds: float = 1.0
    """Doubled each time."""
    longest_pause_seconds: float = 60.0
    timeout_seconds: float = 120.0
    """For an answer."""


class Verification(enum.Enum):
    """What is looked at once an account has come."""

    NONE = "none"
    EVERY_MESSAGE = "every message"


@dataclass(frozen=True, slots=True)
class Job:
    """One account to bring."""

    address: Address
    password: Secret[str]
    account: AccountId
    name: str
    """Of the account here."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds for all jobs."""

    wishes: Wishes
    patience: Patience
    folder: Path
    """For the checkpoints."""
    verification: Verification
    parallel: int = 4


async def migrate_all(
    jobs: Sequence[Job], plan: Plan, store: Store, clock: Clock, progress_of: Callable[[Job], Progress]
) -> list[Outcome]:
    """The outcome of each job, in their order; what failed says why in `failure`."""
    turn = asyncio.Semaphore(plan.parallel)
    outcomes = [Outcome() for _ in jobs]
    with ThreadPoolExecutor(plan.parallel, "pillarbox-source") as executor:

        async def one(job: Job, outcome: Outcome) -> None:
            async with turn:
                await _migrate(job, plan, (store, clock, Thread(executor)), progress_of(job), outcome)

        async with asyncio.TaskGroup() as group:
            for job, outcome in zip(jobs, outcomes, strict=True):
                group.create_task(one(job, outcome))
    return outcomes


async def _migrate(
    job: Job, plan: Plan, tools: tuple[Store, Clock, Thread], progress: Progress, outcome: Outcome
) -> None:
    store, clock, thread = tools
    try:
        mail = await store.open(job.account)
        try:
            with Checkpoint(plan.folder / f"{job.account}.db", str(job.address)) as checkpoint:
                target = Target(mail, store.stage, clock)
                migration = Migration(target, checkpoint, plan.wishes, thread, progress, outcome)
                is_compared: set[bytes] = set()

                async def work(source: ImapSource) -> None:
                    await migration.run(source)
                    for folder, point in migration.points:
                        if plan.verification is Verification.EVERY_MESSAGE and folder.raw_name not in is_compared:
                            here, told = (mail, checkpoint, thread), (outcome, progress)
                            await compare_folder(source, folder, point, here, told)
                            is_compared.add(folder.raw_name)

                await _patiently(job, plan.patience, thread, work, (outcome, progress))
        finally:
            await mail.close()
    except CheckpointBusy:
        outcome.failure = "another `pillarbox migrate` is bringing mail into this account; wait for its end"
    except SourceLost as error:
        outcome.failure = f"{job.address.host}: {error}; run it again to go on where it stopped"
    except SourceRefused as error:
        outcome.failure = f"{job.address.host}: {error}"
    except (MailError, OSError, apsw.Error) as error:
        outcome.failure = f"{error}; run it again to go on where it stopped"


async def _patiently(
    job: Job,
    patience: Patience,
    thread: Thread,
    work: Callable[[ImapSource], Awaitable[None]],
    told: tuple[Outcome, Progress],
) -> None:
    """Do the work over one connection, or over as many as it takes."""
    outcome, progress = told
    failed, before = 0, (-1, -1)
    while True:
        try:
            source = await thread(ImapSource, job.address, job.password, patience.timeout_seconds)
            try:
                await work(source)
                return
            finally:
                await thread(source.close)
        except SourceLost as error:
            outcome.interruptions += 1
            failed = 1 if (outcome.messages, outcome.compared) != before else failed + 1
            before = (outcome.messages, outcome.compared)
            if failed >= patience.tries:
                raise
            pause_seconds = min(patience.first_pause_seconds * 2 ** (failed - 1), patience.longest_pause_seconds)
            progress.note(f"{job.address.host}: {error}; trying again in {pause_seconds:.0f} s")
            await asyncio.sleep(pause_seconds)
