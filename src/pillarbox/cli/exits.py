"""How a command ends: the codes of sysexits.h, so that scripts can tell mistakes apart.

Must never: give one code two meanings.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """Documented in docs/operate.md."""

    OK = 0
    USAGE = 64
    """The command was typed wrongly."""
    BAD_DATA = 65
    """What was read (a CSV file, messages) is wrong in part or in whole; what is right was done where it says so."""
    NO_INPUT = 66
    """A file to be read is not there or can't be read."""
    NO_USER = 67
    """There is no such account."""
    UNAVAILABLE = 69
    """Something needed can't be used: the account database, the mail, a port."""
    EXISTS = 73
    """It is there already and was not made again."""
    TEMPORARY = 75
    """It may work later: mail servers keep the message and try again."""
    NO_PERMISSION = 77
    """This user of the machine may not."""
    CONFIG = 78
    """The configuration file is wrong."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandFailed(Exception):
    """A command can't be done; the text tells a person why and what to do."""

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code
