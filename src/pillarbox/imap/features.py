"""What a client can switch on with ENABLE, and by using an extension (RFC 5161, RFC 9051 section 6.3.1)."""

from __future__ import annotations

import enum


class Feature(enum.Enum):
    """The value is the name in ENABLE."""

    IMAP4REV2 = "IMAP4REV2"
    CONDSTORE = "CONDSTORE"
    UTF8_ACCEPT = "UTF8=ACCEPT"
