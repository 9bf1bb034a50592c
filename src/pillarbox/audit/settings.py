"""How large the audit log may become.

Must never: have a way to switch it off silently.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditSettings:
    file_bytes: int = 16 * 1024 * 1024
    """A file of the audit log that has reached this size is followed by the next one. About 40,000 entries."""
    files: int = 16
    """So many files are kept; then the oldest is removed, and the log says so."""
    denied_per_second: int = 20
    """Denied logins above this, in each worker, are counted in one entry instead of written one by one: so nobody
    pushes the rest out by guessing. `pillarbox logins list` has its own memory."""
