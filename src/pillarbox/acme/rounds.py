"""One round over all certificates: renewal information is asked for, what is due is got.

Must never: touch what is served because a renewal fails; give up on the others because one fails.

RFC 9773 section 4.3 (an authority that does not answer renews nothing, and stops nothing).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pillarbox.acme.authority import certificate_identifier
from pillarbox.acme.issuing import Office, issue
from pillarbox.acme.memory import Memory
from pillarbox.acme.names import Wanted
from pillarbox.acme.renewing import State, after_failure, keep, serial_of, state
from pillarbox.acme.schedule import ask_again_seconds
from pillarbox.acme.trouble import AcmeTrouble

_NOT_OFFERED_SECONDS: Final = 86_400.0
"""Whether an authority that has no renewal information has it by now."""


class When(enum.Enum):
    """Which certificates a round gets."""

    DUE = "due"
    """What is missing or due, and did not fail a moment ago."""
    NOW = "now"
    """All of them."""


class Result(enum.Enum):
    """What became of one certificate."""

    ISSUED = "issued"
    NOT_DUE = "not due"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one certificate."""

    state: State
    """Afterwards."""
    result: Result
    error: str = ""


def go_round(office: Office, wanted: Sequence[Wanted], when: When) -> list[Outcome]:
    """One round; call with the folder locked. Raises OSError."""
    office.folder.mend()
    return [_look(office, each, when) for each in wanted]


def _look(office: Office, wanted: Wanted, when: When) -> Outcome:
    now = office.clock.now_seconds()
    before = state(office.folder, wanted)
    if before.is_to_be_asked_for(now):
        keep(office.folder, wanted, _asked(office, before, now))
        before = state(office.folder, wanted)
    if when is When.DUE and not before.is_due(now):
        return Outcome(before, Result.NOT_DUE)
    return get(office, before)


def get(office: Office, before: State) -> Outcome:
    """Get one certificate, due or not, and note how it went. Call with the folder locked. Raises OSError."""
    wanted, now = before.wanted, office.clock.now_seconds()
    try:
        issued = issue(office, wanted)
    except AcmeTrouble as trouble:
        memory = after_failure(before.memory, str(trouble), trouble.wait_seconds, now)
        keep(office.folder, wanted, memory)
        office.events.error(
            "certificate.not_issued",
            name=wanted.names[0],
            error=memory.error,
            failures=memory.failures,
            retry_seconds=round(memory.next_try_seconds - now),
        )
        return Outcome(replace(before, memory=memory), Result.FAILED, memory.error)
    keep(office.folder, wanted, Memory(serial=serial_of(issued)))
    after = state(office.folder, wanted)
    office.events.info(
        "certificate.issued",
        name=wanted.names[0],
        names=" ".join(issued.names),
        serial=serial_of(issued),
        valid_days=round((issued.until_seconds - now) / 86_400, 1),
        renew_days=round((after.due_seconds - now) / 86_400, 1),
    )
    return Outcome(after, Result.ISSUED)


def _asked(office: Office, before: State, now_seconds: float) -> Memory:
    """What is known after the authority was asked when to renew."""
    issued, memory = before.issued, before.memory
    assert issued is not None
    try:
        authority = office.authority()
        if not authority.tells_when_to_renew or not certificate_identifier(issued.certificate):
            return replace(memory, window=None, ask_at_seconds=now_seconds + _NOT_OFFERED_SECONDS)
        told = authority.suggestion(issued)
    except AcmeTrouble as trouble:
        office.events.warning("certificate.no_renewal_information", name=before.wanted.names[0], error=str(trouble))
        return replace(memory, ask_at_seconds=now_seconds + ask_again_seconds(""))
    if told.window != memory.window:
        office.events.info(
            "certificate.renewal_suggested",
            name=before.wanted.names[0],
            days=round((told.window.start_seconds - now_seconds) / 86_400, 1),
            explanation=told.window.explanation_url,
        )
    return replace(memory, window=told.window, ask_at_seconds=now_seconds + told.ask_again_seconds)
