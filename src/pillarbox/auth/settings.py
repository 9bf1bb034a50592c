"""How expensive a password check is, and how long one that succeeded is remembered.

Must never: hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may enter, and what the check costs."""

    remember_seconds: int = field(default=600, metadata={"minimum": 0})
    """A password that was right is remembered this long in memory, as a keyed hash, so that a client with five
    connections pays for one check. A changed password or a disabled account counts at once. 0 switches it off."""
    max_remembered: int = 10_000
    """Most passwords remembered at once; about 200 bytes each."""
    hash_threads: int = 2
    """Password checks that run at once; each takes `argon2_memory_kib` and a processor core. More wait."""
    argon2_memory_kib: int = field(default=65_536, metadata={"minimum": 8 * 1024})
    """Memory of one check, 8 MiB at least. RFC 9106 section 4, second recommended option."""
    argon2_passes: int = 3
    """Passes over that memory. RFC 9106 section 4, second recommended option."""
    argon2_lanes: int = 4
    """Lanes. RFC 9106 section 4, second recommended option."""
