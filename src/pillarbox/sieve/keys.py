"""Keys under which vacation answers and seen messages are remembered.

Must never: hold an address or a text in clear.
"""

from __future__ import annotations

import hashlib


def hashed(*parts: str) -> str:
    """A key for texts in an order; other texts have another one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()[:32]
