"""How large the audit log may become.

Must never: have a way to switch it off silently.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How large the audit log may become (docs/audit.md)."""

    file_bytes: int = 16 * 1024 * 1024
    """A file of the audit log that has reached this size is followed by the next one. About 40,000 entries."""
    files: int = 16
    """So many files are kept; then the oldest is removed, and the log says so."""
    denied_per_second: int = 20
    """Denied logins above this, in each worker, are counted and not written one by one. `pillarbox logins list` has its
    own memory."""
    denied_per_day: int = 5_000
    """The same for a whole day (half of it is there again after twelve hours): so nobody pushes the rest out by
    guessing. With two workers guesses fill a third of a file a day."""
    same_per_day: int = 5_000
    """Entries of one kind because of one account, in each worker; more are counted: so no account pushes out what
    others did, such as by logging in or granting rights over and over."""
