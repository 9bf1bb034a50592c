"""`pillarbox deliver`: one message from stdin into the data folder, as a mail server's pipe wants it.

Its exit codes are orders to the mail server: all that may get better is 75, so that it keeps the message and tries
again. Must never: end with 0 before the message is on disk, or bounce mail for a mistake in the settings.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from contextlib import AsyncExitStack
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import accounts, everybodys_mail
from pillarbox.cli.place import Place
from pillarbox.delivery.outcome import Fate, Outcome
from pillarbox.mail.errors import MailError

_PIECE_BYTES: Final = 256 * 1024
_FOR_GOOD: Final = frozenset({ExitCode.USAGE, ExitCode.NO_USER, ExitCode.NO_PERMISSION})
_CODES: Final = {
    Fate.REJECTED: ExitCode.NO_PERMISSION,
    Fate.TOO_BIG: ExitCode.BAD_DATA,
    Fate.FULL: ExitCode.UNAVAILABLE,
}


def deliver(
    *,
    user: Annotated[str, Parameter(help="Whom it is for: a login name, an alias or an address of theirs.")],
    mailbox: Annotated[str, Parameter(help="Where it goes; INBOX when there is no such mailbox.")] = "",
    sender: Annotated[str, Parameter(help="The envelope's sender. Default: none, as for bounces.")] = "",
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Deliver a message from stdin."""
    try:
        outcome = asyncio.run(_deliver(place, user, mailbox, sender))
    except CommandFailed as error:
        if error.code in _FOR_GOOD:
            raise
        raise CommandFailed(str(error), ExitCode.TEMPORARY) from error
    except Exception as error:  # whatever it is: exit code 1 would bounce the message
        said = f"the message was not delivered: {type(error).__name__}: {error}"
        raise CommandFailed(said, ExitCode.TEMPORARY) from error
    if outcome.fate is not Fate.DELIVERED:
        raise CommandFailed(outcome.text, _CODES.get(outcome.fate, ExitCode.TEMPORARY))


async def _deliver(place: Place, user: str, mailbox: str, sender: str) -> Outcome:
    from pillarbox.app.delivery import make_deliverer, server_name
    from pillarbox.clock import SystemClock
    from pillarbox.delivery.retries import NoRetries
    from pillarbox.delivery.trace import Via
    from pillarbox.events import NoEvents

    place.check()
    settings = place.settings()
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(accounts(place))
        store = await stack.enter_async_context(everybodys_mail(place))
        # Without a memory of retries: who pipes the same message in twice wants it twice.
        deliverer = make_deliverer(settings, store, directory, NoRetries(), SystemClock(), NoEvents())
        recipient = deliverer.find(user)
        if recipient is None:
            raise CommandFailed(f"nobody here is {user}; see: pillarbox user list", ExitCode.NO_USER)
        if mailbox:
            recipient = dataclasses.replace(recipient, detail=mailbox)
        arrival = deliverer.begin(sender, [recipient], Via("local", server_name(settings)))
        try:
            while piece := sys.stdin.buffer.read(_PIECE_BYTES):
                arrival.write(piece)
            arrival.finish()
            return await deliverer.deliver(arrival, recipient)
        except MailError as error:
            return deliverer.failed(error)
        finally:
            arrival.discard()
