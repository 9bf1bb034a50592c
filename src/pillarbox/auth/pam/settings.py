"""Which PAM service is asked, and how long.

Must never: hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PamSettings:
    """PAM judges passwords, when `auth.backend` is `pam` (docs/backends.md). Needs `pip install pillarbox[pam]`."""

    service: str = "pillarbox"
    """The file in /etc/pam.d. There has to be one: PAM's own `other` refuses everybody."""
    domain: str = ""
    """Such as `example.org`: `alice` and `alice@example.org` are one account, alice@example.org, and PAM is asked for
    `alice`. Other domains are nobody. Empty: PAM is asked for the login name as it is."""
    processes: int = 2
    """How many passwords are judged at once, in each worker."""
    timeout_seconds: float = 15.0
    """Until a PAM module that does not answer is killed; the login is told to come back later. Many modules wait two
    or three seconds after a wrong password."""
    remember_seconds: int = field(default=60, metadata={"minimum": 0})
    """A right password is remembered this long in memory, as a keyed hash. A password changed or a user locked over
    there counts here after so long."""
