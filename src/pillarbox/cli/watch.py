"""`pillarbox watch`: a program for each message that comes, on any IMAPS server.

Must never: take a password from the command line.
"""

from __future__ import annotations

import asyncio
import getpass
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import apsw
from cyclopts import Parameter

from pillarbox.automation.actions import Action
from pillarbox.automation.checkpoint import CheckpointBusy
from pillarbox.automation.configuration import Plan, PlanInvalid, read_password, read_plan
from pillarbox.automation.connection import Refused
from pillarbox.automation.handlers import Command
from pillarbox.automation.metrics import Metrics
from pillarbox.automation.plan import First, Job, Patience, read_imaps
from pillarbox.automation.watcher import Watcher
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.speech import complain
from pillarbox.secret import Secret
from pillarbox.transfer.address import Address

_PATIENCE = Patience()


def watch(
    url: Annotated[str | None, Parameter(help="imaps://USER@HOST[:PORT].")] = None,
    /,
    *,
    config: Annotated[Path | None, Parameter(help="TOML file for many, in place of the rest.")] = None,
    exec: Annotated[str | None, Parameter(help="Program with its arguments; gets the message on stdin.")] = None,
    mailbox: Annotated[tuple[str, ...], Parameter(help="Mailbox to watch; may be repeated.", negative="")] = ("INBOX",),
    then: Annotated[str, Parameter(help="After success: keep, delete, move:MAILBOX or flag:FLAG.")] = "keep",
    dead_letter: Annotated[str, Parameter(help="After too many failures: MAILBOX, or as for --then.")] = "",
    attempts: Annotated[int, Parameter(help="How often to try a message.")] = _PATIENCE.attempts,
    timeout: Annotated[float, Parameter(help="Seconds that the program may take.")] = _PATIENCE.timeout_seconds,
    pause: Annotated[float, Parameter(help="Seconds before the second attempt.")] = _PATIENCE.pause_seconds,
    existing: Annotated[
        bool, Parameter(negative="", help="Also what is there when a mailbox is watched for the first time.")
    ] = False,
    checkpoint: Annotated[Path | None, Parameter(help="File that remembers what was handed over.")] = None,
    password_stdin: Annotated[
        bool, Parameter(name="--password-stdin", negative="", help="Read the password from stdin, one line.")
    ] = False,
    password_file: Annotated[Path | None, Parameter(help="File whose first line is the password.")] = None,
    ca_file: Annotated[Path | None, Parameter(help="Certificates (PEM) that the server's is trusted by.")] = None,
    metrics_port: Annotated[int | None, Parameter(help="Port of 127.0.0.1 for Prometheus.")] = None,
    metrics_file: Annotated[Path | None, Parameter(help="The same, kept in a file.")] = None,
) -> None:
    """Run a program for each message that comes."""
    try:
        if config is not None:
            if url is not None or exec is not None:
                raise CommandFailed("with --config, accounts and programs stand in that file alone", ExitCode.USAGE)
            plan = read_plan(config.expanduser())
        else:
            if url is None or exec is None:
                raise CommandFailed("name an account and --exec, or --config FILE", ExitCode.USAGE)
            address = read_imaps(url, None if ca_file is None else ca_file.expanduser())
            job = Job(
                address,
                Secret(""),
                Command.read(exec),
                tuple(dict.fromkeys(mailbox)),
                Action.read(then),
                Action.read_place(dead_letter),
                First.HAND_OVER if existing else First.LEAVE,
                Patience(attempts=max(1, attempts), timeout_seconds=timeout, pause_seconds=pause),
            )
            job = _with_password(job, password_stdin, password_file)
            plan = Plan((job,), checkpoint or _default_checkpoint(address), metrics_port, metrics_file)
    except PlanInvalid as error:
        raise CommandFailed(str(error), ExitCode.CONFIG) from error
    except ValueError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    except OSError as error:
        raise CommandFailed(f"can't read {error.filename}: {error.strerror}", ExitCode.NO_INPUT) from error
    _run(plan)


def _run(plan: Plan) -> None:
    for job in plan.jobs:
        try:
            job.address.tls()
        except OSError as error:
            raise CommandFailed(f"can't use {job.address.ca_file}: {error.strerror}", ExitCode.NO_INPUT) from error
    try:
        asyncio.run(_watch(plan))
    except Refused as error:
        raise CommandFailed(f"the server refused: {error}", ExitCode.UNAVAILABLE) from error
    except (CheckpointBusy, ValueError) as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    except (OSError, apsw.Error) as error:
        raise CommandFailed(f"can't use {plan.checkpoint}: {error}", ExitCode.UNAVAILABLE) from error


async def _watch(plan: Plan) -> None:
    watcher = Watcher(
        plan.jobs,
        plan.checkpoint,
        metrics=Metrics(plan.metrics_file),
        metrics_port=plan.metrics_port,
        note=lambda text: complain(_plain(text)),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, watcher.stop)
    await watcher.run()


def _with_password(job: Job, from_stdin: bool, file: Path | None) -> Job:
    if from_stdin:
        return replace(job, password=Secret(sys.stdin.readline().rstrip("\r\n")))
    if file is not None:
        return replace(job, password=read_password(file.expanduser()))
    if not sys.stdin.isatty():
        raise CommandFailed(
            "there is no terminal to ask for the password; give --password-stdin or --password-file", ExitCode.USAGE
        )
    return replace(job, password=Secret(getpass.getpass(f"Password of {job.address}: ")))


def _default_checkpoint(address: Address) -> Path:
    from pillarbox.cli.place import default_data

    name = "".join(each if each.isalnum() or each in "@.-" else "_" for each in str(address))
    return default_data() / "watch" / f"{name}.db"


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
