"""How many messages one command may touch: MESSAGELIMIT and SAVELIMIT, RFC 9738. Off unless the operator asks for it.

    capability     =/ "MESSAGELIMIT=" message-limit / "SAVELIMIT=" message-limit; message-limit = nz-number
    resp-text-code =/ "MESSAGELIMIT" SP message-limit [SP uniqueid]

What can be done in part is: the highest UIDs first, and the code names the lowest that was dealt with, so that the
client goes on below it. What must be whole (COPY, MULTIAPPEND, SORT, THREAD) is refused, and the code names no UID.

Must never: cut what a client did not ask to be listed; counting costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.command import Area, Capability
from pillarbox.imap.refusals import Refused
from pillarbox.imap.replies import LOGGED_IN, Done
from pillarbox.imap.search_results import ResultOptions, part_of
from pillarbox.imap.session import Session
from pillarbox.imap.view import Indices

_LISTING: Final = {"ALL", "SAVE"}


@dataclass(frozen=True, slots=True)
class Portion:
    """The messages of a command that it deals with, ascending; `code` is empty when these are all."""

    indices: Indices
    code: bytes = b""

    @property
    def done(self) -> Done:
        """How the tagged OK reads."""
        return Done(self.code, "That is as much as one command does; go on below this UID") if self.code else Done()

    @property
    def line(self) -> bytes:
        """The same untagged, for a command whose tagged OK has another code to tell."""
        return b"* OK [%b] %b\r\n" % (self.code, self.done.text.encode("ascii")) if self.code else b""


def portion_of(session: Session, indices: Indices) -> Portion:
    """As much of it as one command may deal with."""
    most = session.services.limits.message_limit
    if not most or len(indices) <= most:
        return Portion(indices)
    handled = indices[len(indices) - most :]
    return Portion(handled, b"MESSAGELIMIT %d %d" % (most, session.selected.uids_of(handled[:1])[0]))


def check_whole(session: Session, messages: Sequence[object]) -> None:
    """Raises Refused when it is more than one command may deal with, for those that do all or nothing."""
    _check(session.services.limits.message_limit, messages)


def listed_portion(session: Session, options: ResultOptions | None, found: Indices) -> Portion:
    """The same of what was found, as far as the answer lists it. Raises Refused for a range of results that is too
    long."""
    if options is None or options.names & _LISTING:
        return portion_of(session, found)
    check_listed(session, options, found)
    return Portion(found)


def check_listed(session: Session, options: ResultOptions | None, found: Sequence[int]) -> None:
    """The same for what can't be cut. Raises Refused."""
    if options is None or options.names & _LISTING:
        check_whole(session, found)
    elif options.partial:
        check_whole(session, part_of(found, options.partial))


def check_saved(session: Session, messages: Sequence[object]) -> None:
    """Raises Refused when it is more than one command may store."""
    _check(_save_limit(session), messages)


def _check(most: int, messages: Sequence[object]) -> None:
    if most and len(messages) > most:
        raise Refused(f"One command can deal with {most} messages; send it in several", f"MESSAGELIMIT {most}")


def _save_limit(session: Session) -> int:
    limits = session.services.limits
    if limits.save_limit and limits.message_limit:
        return min(limits.save_limit, limits.message_limit)
    return limits.save_limit or limits.message_limit


def _message_capability(session: Session) -> str:
    most = session.services.limits.message_limit
    return f"MESSAGELIMIT={most}" if most else ""


def _save_capability(session: Session) -> str:
    """Told when it is the tighter of the two, or the only one."""
    limits = session.services.limits
    tells = limits.save_limit and not 0 < limits.message_limit <= limits.save_limit
    return f"SAVELIMIT={limits.save_limit}" if tells else ""


AREA = Area(
    capabilities=(
        Capability("MESSAGELIMIT=", "9738", LOGGED_IN, _message_capability),
        Capability("SAVELIMIT=", "9738", LOGGED_IN, _save_capability),
    ),
)
