"""What a client can switch on with ENABLE, and by using an extension (RFC 5161, RFC 9051 section 6.3.1)."""

from __future__ import annotations

import enum


class Feature(enum.Enum):
    """The value is the name in ENABLE."""

    IMAP4REV2 = "IMAP4REV2"
    CONDSTORE = "CONDSTORE"
    QRESYNC = "QRESYNC"
    UIDONLY = "UIDONLY"
    UTF8_ACCEPT = "UTF8=ACCEPT"
    METADATA = "METADATA"
    METADATA_SERVER = "METADATA-SERVER"

    @property
    def implied(self) -> tuple[Feature, ...]:
        """What it brings along: itself, and for QRESYNC also CONDSTORE (RFC 7162 section 3.2.3)."""
        return (self, Feature.CONDSTORE) if self is Feature.QRESYNC else (self,)
