r"""Special-use attributes of mailboxes (RFC 6154, RFC 8457 `\Important`, RFC 9051 section 7.3.1)."""

from __future__ import annotations

from typing import Final

SPECIAL_USES: Final = (
    *("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash"),
    *("\\Memos", "\\Scheduled", "\\Snoozed"),
)
"""Those that IANA lists as attributes of mailboxes (registered until 2026) and that a mailbox can be given. The names
without RFC above are those of draft-ietf-mailmaint-messageflag-mailboxattribute."""
SPECIAL_USE_BY_LOWER: Final = {name.lower(): name for name in SPECIAL_USES}
