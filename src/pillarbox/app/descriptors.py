"""How many files and connections the process may have open.

Must never: fail; where nothing can be changed, the server serves with what it has.
"""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_MACOS_MOST: Final = 10_240
"""OPEN_MAX: what macOS takes where it says that there is no limit."""


def allow_all() -> None:
    """Raise the soft limit (1,024 in most places, for the sake of old programs) to the hard one.

    Connections take one each in every worker, accounts that are open four; with 200 people who share something with
    everybody, one LIST opens 800.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (hard, _MACOS_MOST):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return
