"""How much of a message is looked at. Nothing here refuses mail: past a limit the rest is one opaque part.

Real mail stays far below all of these; what lies above was made to exhaust the server or its clients.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """Sizes, counts and depths of the MIME scanner. Each bounds the digest's time, memory or output."""

    depth: int = 50
    """Entities inside entities (multiparts, forwarded messages). Clients recurse over BODYSTRUCTURE: keep their
    stacks safe too. Dovecot allows 100; people forward a forward some ten times."""
    parts: int = 1_000
    """Entities in one message. A digest of a busy mailing list has a few hundred. Dovecot allows 10,000."""
    header_bytes: int = 256 * 1024
    """One header block. Long Received chains and ARC sets reach 30 KiB; senders with larger ones are broken."""
    addresses: int = 1_000
    """Addresses of one field; more are left out of ENVELOPE, which repeats From up to three times.
    BODY[HEADER] still shows all."""
    parameters: int = 100
    """Parameters of one field, RFC 2231 sections counted singly. A long file name takes about ten."""
    parameter_bytes: int = 16 * 1024
    """Bytes of one structured Content-* field that are looked at for parameters."""
    html_characters: int = 2_000_000
    """Of one HTML part, for search. Newsletters stay below 200,000; what lies behind is not searched."""
    detect_bytes: int = 64 * 1024
    """Of a text without a usable charset, for guessing it. Guessing is slow and gets no better with more."""
