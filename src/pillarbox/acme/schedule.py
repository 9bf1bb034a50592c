"""When a certificate is renewed, and when a try that failed is repeated. Only arithmetic.

A third of its life is left then, a little more for some, so that not everybody comes on the same day; or at a moment in
the time that the authority suggests (ARI), which it moves forward when it has to revoke.

Must never: let an authority put a renewal off until it is too late.

RFC 9773 section 4.2 (a random moment in the window) and 4.3 (when to ask again).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from pillarbox.acme.folder import Issued

FIRST_PAUSE_SECONDS: Final = 15 * 60.0
"""After a failure; then twice as long each time. Let's Encrypt forgives five failures of a name in an hour."""
LONGEST_PAUSE_SECONDS: Final = 12 * 3600.0
_ASK_SECONDS: Final = 6 * 3600.0
"""For renewal information without Retry-After, and after an error (RFC 9773 section 4.3.3)."""
_ASK_LEAST_SECONDS: Final = 60.0
_ASK_MOST_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Window:
    """What the authority suggests for one certificate."""

    start_seconds: float
    end_seconds: float
    explanation_url: str = ""


def due_seconds(issued: Issued, window: Window | None) -> float:
    """When to renew."""
    life = issued.until_seconds - issued.from_seconds
    share = _share(issued)
    if window is None:
        return issued.until_seconds - life / 3 - share * life / 30
    chosen = window.start_seconds + share * (window.end_seconds - window.start_seconds)
    return min(chosen, issued.until_seconds - life / 6)


def pause_seconds(failures: int, wait_seconds: float) -> float:
    """From a failure to the next try; `wait_seconds` is what the authority asked for."""
    pause = min(FIRST_PAUSE_SECONDS * float(1 << min(failures - 1, 16)), LONGEST_PAUSE_SECONDS)
    return max(pause, min(wait_seconds, 7 * 86_400.0))


def ask_again_seconds(retry_after: str) -> float:
    """From one question for renewal information to the next; `retry_after` is the header field of the answer."""
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else _ASK_SECONDS
    return min(max(seconds, _ASK_LEAST_SECONDS), _ASK_MOST_SECONDS)


def _share(issued: Issued) -> float:
    """From 0 to 1, another for each certificate and always the same for one."""
    from cryptography.hazmat.primitives.serialization import Encoding  # with 8 MB that no other server needs

    digest = hashlib.sha256(issued.certificate.public_bytes(Encoding.DER)).digest()
    return int.from_bytes(digest[:7], "big") / float(1 << 56)
