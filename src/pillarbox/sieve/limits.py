"""How much a script may be and do. Past a limit a script is refused, or a run ends with an error and the mail is kept.

Must never: be passed over; what a script meets here, everybody's delivery waits for.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SieveLimits:
    """Sizes and counts of Sieve scripts (RFC 5228) and of what they may do to one message."""

    script_bytes: int = 128 * 1024
    """Of one script. Rules made by clients stay below 20 KiB; Dovecot allows 1 MiB."""
    scripts: int = 64
    """Scripts kept for one account. Clients keep one or two."""
    nesting: int = 32
    """Blocks in blocks, and tests in tests. RFC 5228 section 2.10.5 wants 15 of each at least."""
    steps: int = 50_000_000
    """Characters that one run may compare, and a little for each command: about half a second of a processor. A large
    script on a usual message needs less than a hundredth."""
    actions: int = 32
    """Copies, redirects and replies of one message. Dovecot allows 32."""
    redirects: int = field(default=4, metadata={"minimum": 0})
    """Addresses that one message may be sent on to (MAXREDIRECTS of RFC 5804); 0 forbids it. More is a mailing list,
    or somebody's amplifier. Dovecot allows 4."""
    variables: int = 256
    """Different variables. RFC 5229 section 6 wants 128 at least."""
    variable_characters: int = 16_384
    """Of one value; longer ones are cut, as RFC 5229 section 6 says. It wants 4,000 at least."""
    string_characters: int = 262_144
    """Of one string after its variables have been filled in; a longer one ends the run."""
    body_bytes: int = 4 * 1024 * 1024
    """How much of a message a body test looks at. Words that people filter by stand near the top."""
    header_bytes: int = 1024 * 1024
    """Of a header after a script has added to it; more ends the run."""
    memories: int = 2_000
    """Vacation answers and seen messages remembered for one account; the oldest are forgotten first. RFC 5230
    section 4.2 wants 1,000 at least."""
    vacation_days: int = 90
    """The longest time for which one sender gets no second vacation answer. RFC 5230 section 4.1 wants over 30."""
    duplicate_days: int = 30
    """The longest time for which a message counts as seen (RFC 7352 section 3.3)."""
    hops: int = 50
    """Received fields from which on a message is redirected no more: it runs in a circle. RFC 5321 section 6.3 wants
    100 for all of its way."""
