"""What a run of a script says is to be done, in order.

Must never: do it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keep:
    """Where mail goes without a script."""

    flags: frozenset[str] = frozenset()
    raw_header: bytes | None = None
    """The header as the script changed it; None when it did not."""


@dataclass(frozen=True, slots=True)
class FileInto:
    mailbox: str
    """Canonical (mail/names.py)."""
    flags: frozenset[str] = frozenset()
    create: bool = False
    special_use: str = ""
    raw_header: bytes | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    address: str
    raw_header: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the message, telling the sender."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A vacation message to the envelope's sender."""

    recipient: str
    content: bytes
    """Whole, with CRLF line ends."""


Action = Keep | FileInto | Redirect | Reject | Answer


@dataclass(frozen=True, slots=True)
class Remember:
    """A vacation answer or a message seen, to be remembered once everything was done."""

    key: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run. Without an action that keeps, sends on or rejects, the message is thrown away."""

    actions: tuple[Action, ...]
    remember: tuple[Remember, ...] = ()
    error: str = ""
    """Why the run failed: then `actions` keep the message, and nothing else."""


def in_words(action: Action) -> str:
    """One action as a line for people."""
    match action:
        case Keep():
            words = "keep"
        case FileInto():
            use = f" or rather the mailbox used as {action.special_use}" if action.special_use else ""
            words = f"file into {action.mailbox}{use}{', made when missing' if action.create else ''}"
        case Redirect():
            words = f"redirect to {action.address}"
        case Reject():
            return f"reject: {' '.join(action.text.split())}"
        case Answer():
            return f"answer {action.recipient}"
    if isinstance(action, Keep | FileInto) and action.flags:
        words += f" with {' '.join(sorted(action.flags))}"
    return words + (", header changed" if action.raw_header is not None else "")
