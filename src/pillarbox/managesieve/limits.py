"""How much a ManageSieve client may send. `config` fills these in.

Must never: be larger for somebody who has not logged in than what logging in needs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManageSieveLimits:
    """Sizes and counts of one ManageSieve connection; a script's own limits are those of `[sieve]`."""

    line_bytes: int = 8 * 1024
    """Of one line. RFC 5804 section 4 allows strings of 1,024 octets between quotes."""
    literal_bytes_before_login: int = 4 * 1024
    """Of one counted string before login: what an authentication mechanism sends."""
    drain_bytes: int = 10 * 1024 * 1024
    """A counted string that is too long is read to its end and refused, when it is no longer than this; else the
    connection ends."""
    arguments: int = 8
    """Of one command. No command has more than two."""
    login_failures: int = 3
    """Failed logins before the connection ends, as at the IMAP door."""
    mistakes: int = 20
    """Commands that are none, before the connection ends."""
    unread_input_bytes: int = 256 * 1024
    """What is taken in ahead of a running command."""
