"""Runs a script on a message.

Must never: raise for anything that a script or a message holds; change anything. RFC 5228 section 2.10.
"""

from __future__ import annotations

import contextlib

from pillarbox.sieve.environment import Envelope, Environment
from pillarbox.sieve.errors import RunFailed
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.outcome import Outcome
from pillarbox.sieve.run import Run, Stopped, failed
from pillarbox.sieve.script import Script, perform


def run(
    script: Script, message: SieveMessage, envelope: Envelope, environment: Environment, limits: SieveLimits
) -> Outcome:
    """What the script wants done. After an error: keep the message, and nothing else of it."""
    state = Run(message, envelope, environment, limits)
    try:
        with contextlib.suppress(Stopped):
            perform(state, script.commands)
        return state.outcome()
    except RunFailed as error:
        return failed(error.text)
