"""Asks for a password: at the terminal twice and unseen, or on one line of stdin.

Must never: echo it, or take it from the command line or the environment.
"""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.names import PasswordInvalid, prepare_password
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.secret import Secret

PasswordStdin = Annotated[
    bool, Parameter(name="--password-stdin", negative="", help="Read the password from stdin, one line.")
]


def new_password(typed_for: str, from_stdin: PasswordStdin) -> Secret[str]:
    """Raises CommandFailed when there is none, or it can't be one."""
    password = _from_stdin() if from_stdin else _from_terminal(typed_for)
    try:
        prepare_password(password.reveal())
    except PasswordInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    return password


def _from_stdin() -> Secret[str]:
    try:
        line = sys.stdin.buffer.readline().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandFailed("the password on stdin is not UTF-8", ExitCode.USAGE) from error
    return Secret(line.removesuffix("\n").removesuffix("\r"))


def _from_terminal(typed_for: str) -> Secret[str]:
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask for the password; give --password-stdin", ExitCode.USAGE)
    first = getpass.getpass(f"Password for {typed_for}: ")
    if getpass.getpass("The same again: ") != first:
        raise CommandFailed("the two passwords differ; nothing was changed", ExitCode.USAGE)
    return Secret(first)
