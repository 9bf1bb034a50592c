"""What can keep a firewall from being read or changed, each in words that say what to do next.

Must never: be raised half way without saying what was done before.
"""

from __future__ import annotations


class FirewallTrouble(Exception):
    """It can't be done; the text tells a person why and what to do."""


class NotRoot(FirewallTrouble):
    """Only root may read and change a firewall."""


class Conflict(FirewallTrouble):
    """A rule that is there already would make the new one useless; nothing was changed."""


class NotUsable(FirewallTrouble):
    """The kind of firewall that was named is not in force here."""


class ProgramMissing(NotUsable):
    """The firewall's own program is not installed."""


class ProgramFailed(FirewallTrouble):
    """The firewall's own program refused."""


class NotVerified(FirewallTrouble):
    """The commands ran, but the rules in force are not what they should be."""
