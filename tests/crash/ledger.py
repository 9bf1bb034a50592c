"""What a client was promised, and whether a server that came back from kill -9 kept it.

A ledger belongs to one client and holds its own letters only: where each copy lies, by mailbox and UID, with its flags.
At most one command is in flight when the server dies; it may have happened whole or not at all, nothing between.
Must never: talk to a server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Place = tuple[str, int]
"""Mailbox and UID."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One letter as it lies in a mailbox."""

    letter: str
    """Unique id, also the message's subject."""
    flags: frozenset[str] = frozenset()


Held = Mapping[Place, Copy]
Fresh = Counter[tuple[str, Copy]]
"""Copies that arrive in a mailbox under UIDs that only the server knows."""


@dataclass(frozen=True, slots=True)
class After:
    """A state: copies at known places, copies that are new, and mailboxes of the client's own."""

    held: Held
    fresh: Fresh = field(default_factory=Counter)
    mailboxes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Append:
    mailbox: str
    copies: tuple[Copy, ...]

    def after(self, state: After) -> After:
        return After(state.held, Counter((self.mailbox, copy) for copy in self.copies), state.mailboxes)


@dataclass(frozen=True, slots=True)
class Flag:
    mailbox: str
    uids: tuple[int, ...]
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def after(self, state: After) -> After:
        held = dict(state.held)
        for uid in self.uids:
            copy = held[self.mailbox, uid]
            held[self.mailbox, uid] = Copy(copy.letter, (copy.flags | self.add) - self.remove)
        return After(held, Counter(), state.mailboxes)


@dataclass(frozen=True, slots=True)
class CopyTo:
    mailbox: str
    uids: tuple[int, ...]
    destination: str

    def after(self, state: After) -> After:
        fresh = Counter((self.destination, state.held[self.mailbox, uid]) for uid in self.uids)
        return After(state.held, fresh, state.mailboxes)


@dataclass(frozen=True, slots=True)
class MoveTo:
    mailbox: str
    uids: tuple[int, ...]
    destination: str

    def after(self, state: After) -> After:
        gone = {(self.mailbox, uid) for uid in self.uids}
        held = {place: copy for place, copy in state.held.items() if place not in gone}
        return After(held, Counter((self.destination, state.held[place]) for place in gone), state.mailboxes)


@dataclass(frozen=True, slots=True)
class Expunge:
    mailbox: str
    uids: tuple[int, ...]

    def after(self, state: After) -> After:
        gone = {(self.mailbox, uid) for uid in self.uids}
        held = {place: copy for place, copy in state.held.items() if place not in gone}
        return After(held, Counter(), state.mailboxes)


@dataclass(frozen=True, slots=True)
class Create:
    mailbox: str

    def after(self, state: After) -> After:
        return After(state.held, Counter(), state.mailboxes | {self.mailbox})


@dataclass(frozen=True, slots=True)
class Delete:
    mailbox: str

    def after(self, state: After) -> After:
        return After(state.held, Counter(), state.mailboxes - {self.mailbox})


Operation = Append | Flag | CopyTo | MoveTo | Expunge | Create | Delete


@dataclass(frozen=True, slots=True)
class MailboxSeen:
    """A mailbox as a client finds it after the restart."""

    uidvalidity: int
    uidnext: int
    copies: Mapping[int, Copy]
    """By UID."""


@dataclass(slots=True)
class Ledger:
    """One client's books."""

    client: str
    held: dict[Place, Copy] = field(default_factory=dict)
    mailboxes: frozenset[str] = frozenset()
    in_flight: Operation | None = None
    refusals: list[str] = field(default_factory=list)
    """Answers other than OK: there is no reason for any."""

    def acknowledge(self, uids: Sequence[int] = ()) -> None:
        """The command in flight was answered OK; `uids` are the new places of its fresh copies, in order."""
        assert self.in_flight is not None
        operation, self.in_flight = self.in_flight, None
        arrivals = _arrivals(operation, self.held)
        after = operation.after(After(self.held, Counter(), self.mailboxes))
        self.held, self.mailboxes = dict(after.held), after.mailboxes
        if len(uids) != len(arrivals):
            self.refusals.append(f"{operation}: {len(arrivals)} copies arrive but the response code names UIDs {uids}")
        for uid, (mailbox, copy) in zip(uids, arrivals, strict=False):
            self.held[mailbox, uid] = copy

    def settle(self, world: Mapping[str, MailboxSeen], names: frozenset[str], floors: Mapping[str, int]) -> list[str]:
        """Compare with what is there after a restart; take over what the command in flight turned out to be.

        `names` are the mailboxes of this client that exist; `floors` the UIDNEXT of each mailbox when it was last
        looked at: fresh copies have UIDs from there on. Returns violations as text, none when all is well.
        """
        mine = {
            (mailbox, uid): copy
            for mailbox, seen in world.items()
            for uid, copy in seen.copies.items()
            if copy.letter.startswith(f"{self.client}-")
        }
        before = After(self.held, Counter(), self.mailboxes)
        outcomes = [before] if self.in_flight is None else [before, self.in_flight.after(before)]
        troubles = [_troubles(outcome, mine, names, floors) for outcome in outcomes]
        operation, self.in_flight = self.in_flight, None
        self.held, self.mailboxes = mine, names
        if any(not found for found in troubles):
            return []
        return [f"{self.client}, in flight {operation}: {trouble}" for trouble in troubles[0]]


def _arrivals(operation: Operation, held: Held) -> list[tuple[str, Copy]]:
    if isinstance(operation, Append):
        return [(operation.mailbox, copy) for copy in operation.copies]
    if isinstance(operation, CopyTo | MoveTo):
        return [(operation.destination, held[operation.mailbox, uid]) for uid in operation.uids]
    return []


def _troubles(outcome: After, mine: Held, names: frozenset[str], floors: Mapping[str, int]) -> list[str]:
    """How what is there differs from one outcome."""
    found = [f"{place} lost {copy}" for place, copy in outcome.held.items() if place not in mine]
    for place, copy in outcome.held.items():
        if place in mine and mine[place] != copy:
            found.append(f"{place} should be {copy}, is {mine[place]}")
    unknown = {place: copy for place, copy in mine.items() if place not in outcome.held}
    arrived = Counter((mailbox, copy) for (mailbox, _), copy in unknown.items())
    found += [f"came twice or back from the dead: {extra}" for extra in (arrived - outcome.fresh).elements()]
    found += [f"half done, missing: {missing}" for missing in (outcome.fresh - arrived).elements()]
    for (mailbox, uid), copy in unknown.items():
        if uid < floors.get(mailbox, 1):
            found.append(f"{copy} got UID {uid} in {mailbox}, where UIDNEXT was already {floors[mailbox]}")
    if names != outcome.mailboxes:
        found.append(f"mailboxes should be {sorted(outcome.mailboxes)}, are {sorted(names)}")
    return found


@dataclass(slots=True)
class History:
    """What must hold over all restarts, for all clients together."""

    uidvalidity: dict[str, int] = field(default_factory=dict)
    uidnext: dict[str, int] = field(default_factory=dict)
    owners: dict[Place, str] = field(default_factory=dict)

    def acknowledged(self, ledgers: Sequence[Ledger]) -> list[str]:
        """Take note of every place that a client was told of. Returns violations."""
        found = []
        for ledger in ledgers:
            for place, copy in ledger.held.items():
                found += self._own(place, copy.letter)
        return found

    def restarted(self, world: Mapping[str, MailboxSeen]) -> list[str]:
        """Compare with what is there after a restart, and remember it. Returns violations."""
        found = []
        for mailbox, seen in world.items():
            known = self.uidvalidity.setdefault(mailbox, seen.uidvalidity)
            if known != seen.uidvalidity:
                found.append(f"{mailbox}: UIDVALIDITY was {known}, is {seen.uidvalidity}")
            highest = max((uid for name, uid in self.owners if name == mailbox), default=0)
            floor = max(self.uidnext.get(mailbox, 1), highest + 1)
            if seen.uidnext < floor:
                found.append(f"{mailbox}: UIDNEXT is {seen.uidnext}, at least {floor} was promised")
            self.uidnext[mailbox] = seen.uidnext
            for uid, copy in seen.copies.items():
                found += self._own((mailbox, uid), copy.letter)
        return found

    def _own(self, place: Place, letter: str) -> list[str]:
        owner = self.owners.setdefault(place, letter)
        return [] if owner == letter else [f"{place} was {owner}, now is {letter}: a UID was given twice"]
