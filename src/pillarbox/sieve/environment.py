"""What a run is told besides the script and the message: the envelope, the time, the mailboxes, the memory.

Must never: find anything out by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 MAIL and RCPT, without angle brackets."""

    sender: str = ""
    """Empty is the null reverse-path of bounces."""
    recipient: str = ""


def _nothing_seen(_key: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Environment:
    """Where and when a script runs."""

    now_seconds: float = 0.0
    zone_minutes: int = 0
    mailboxes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Canonical names of the owner's mailboxes, each with its special uses."""
    keep_mailbox: str = "INBOX"
    """Where kept mail goes."""
    own_addresses: frozenset[str] = frozenset()
    """Addresses that are the owner's besides the envelope's recipient."""
    separator: str = "+"
    """Between user and detail of an address (RFC 5233)."""
    is_remembered: Callable[[str], bool] = _nothing_seen
    """Whether a key of outcome.Remember is still remembered."""
    items: Mapping[str, str] = field(default_factory=dict)
    """What the environment test knows (RFC 5183 section 4.1)."""
