"""Every size and count that an LMTP client meets, each with its reason.

The size of a message is the store's (`store.max_message_bytes`); time-outs are the connection's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LmtpLimits:
    """What one LMTP client may send; it is a mail server of yours, so these guard against accidents."""

    line_bytes: int = 4096
    """A command line. RFC 5321 section 4.5.3.1.4 wants 512 and more for extensions; Postfix sends 2048 at most. Lines
    of messages have no limit of their own."""
    recipients: int = 1_000
    """Of one message; more get 452 4.5.3 and are sent with the next. RFC 5321 section 4.5.3.1.8 wants 100 at least."""
    bad_commands: int = 20
    """Commands that are not understood, then 421: whoever talks here speaks something else."""
    unread_input_bytes: int = 256 * 1024
    """Input that waits while a message is being stored; past it the connection stops reading."""
    drain_bytes: int = 1024 * 1024 * 1024
    """A message that is refused while it comes is read and dropped up to this; past it the connection is closed, and
    the other side will try again."""
