"""What can be set about the embedded store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """Sizes and times, each with its reason."""

    inline_bytes: int = 256 * 1024
    """Larger messages lie in files of their own: up to here one fsync for bytes and row together wins;
    above, rewriting the log with them costs more than a second fsync."""
    staged_memory_bytes: int = 1024 * 1024
    """An incoming message is held in memory up to here, then in a file: nearly all mail fits."""
    warm_accounts: int = 100
    """Accounts kept open while nobody uses them. Each holds up to 5 descriptors and some hundred KB;
    opening one anew costs some milliseconds. 100 leave half of the usual 1024 descriptors to connections."""
    warm_images: int = 4
    """Mailboxes per account whose columns stay loaded while nobody watches: clients re-SELECT a few."""
    busy_seconds: float = 10.0
    """How long a change waits for another process's change to the same account, which takes milliseconds."""
    log_pages: int = 8_000
    """How many changed pages of 4 KB an account's log may hold before a change that a client waits for moves them to
    their places, which takes tens of milliseconds. The housekeeper does so from 1,000 on when it digests new mail."""
    poll_seconds: float = 3.0
    """How often watched accounts are looked at for changes of other processes whose hints were lost."""
    threads: int = 4
    """Threads that write. They mostly wait for the disk."""
    group_changes: int = 64
    """Changes of one account that share one commit at most; bounds how long the first waits for the last."""
    orphan_seconds: float = 3600.0
    """Message files that no row names are swept when older: a younger one may be on its way in."""
