"""How a message finds its mailbox, `[delivery]` in pillarbox.toml.

Must never: read a file or the environment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class WhenFull(enum.Enum):
    """What the sending side hears when an account has no room left."""

    DEFER = "defer"
    """452 4.2.2: it tries again for days, and the owner may make room meanwhile."""
    REFUSE = "refuse"
    """552 5.2.2: the sender hears of it at once."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How a message finds its mailbox, whichever door it came through."""

    domains: tuple[str, ...] = ()
    """Domains whose addresses may mean an account or alias that is named without one: with `example.org` here, mail for
    alice@example.org reaches the account `alice`. Accounts and aliases named with their domain need no entry. None:
    any domain, for the mail server in front decides what is ours."""
    separator: str = "+"
    """Characters that part a name from a folder: mail for alice+lists@ goes to alice's mailbox `lists` when there is
    one, else to INBOX. Empty switches it off. `+` is the default of Postfix and Dovecot."""
    when_full: WhenFull = WhenFull.DEFER
    """What the sending side hears when an account has no room left."""
    memory_bytes: int = 256 * 1024
    """A larger message goes to disk as it comes in. Most mail is smaller and costs no file."""
    remember_hours: int = field(default=120, metadata={"minimum": 0})
    """The same bytes from the same sender for the same address within so long are a retry of what was delivered
    already: they are acknowledged and not stored twice. Postfix gives up after 5 days. 0 switches it off."""
    relay: str = ""
    """`HOST:PORT` of the SMTP server that takes what filters send on (redirect, vacation). Empty: `sendmail`."""
    sendmail: tuple[str, ...] = ()
    """A command that takes the same, called with `-i -f SENDER -- RECIPIENT`: ["/usr/sbin/sendmail"]. With neither,
    what should be sent on is kept."""
    filter_seconds: float = 30.0
    """A filter that takes longer has failed, and the message is kept in INBOX."""
