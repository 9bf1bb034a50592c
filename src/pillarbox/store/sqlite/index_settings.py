"""What the operator says about the index of texts.

Must never: read a file.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class AttachmentTexts(enum.Enum):
    """Whether the texts of attachments are read."""

    AUTO = "auto"
    """When `pip install pillarbox[attachments]` was done."""
    OFF = "off"
    """Only plain and HTML ones, which takes nothing but decoding."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The index that text searches are answered from. It is built in the background, while clients are served."""

    processor_share: float = 0.5
    """How much of one processor a server with one worker may spend on indexing at most: one half leaves clients the
    other half while a mailbox that was brought along is indexed. With several workers a process of its own does it, at
    a low priority, and takes what nobody else wants. 0 turns indexing off everywhere, and searches read every
    message."""
    turn_seconds: float = 0.2
    """How long the indexer works before it commits and rests. Longer turns make fewer, larger pieces of index;
    a search sees new mail in the index only after the turn."""
    settle_seconds: float = 1.0
    """How long after a delivery indexing begins, so that what comes together is indexed together. Searches read
    what is not indexed yet, so nothing is missed meanwhile."""
    round_seconds: float = 3_600.0
    """How often all accounts are looked at, for what a process that died left to do, and for texts of messages that
    are gone."""
    text_bytes: int = 8 * 1024 * 1024
    """Messages with more text than that, attachments not counted, are not indexed: searches read them each time.
    Nobody writes that much; logs and dumps would hold up the indexer and fill the disk."""
    attachments: AttachmentTexts = AttachmentTexts.AUTO
    """Whether fuzzy searches find the words of PDF, docx and odt attachments. Each is read once, in a process of its
    own, one at a time on the machine."""
    attachment_bytes: int = 20 * 1024 * 1024
    """Larger attachments are not read: they are pictures, or archives of them."""
    attachment_seconds: float = 60.0
    """How long one may take by the clock; what was read until then counts."""
    attachment_processor_seconds: int = 15
    """How much processor time one may take. A book of 500 pages takes about ten seconds."""
    attachment_memory_bytes: int = 512 * 1024 * 1024
    """How much memory the process that reads one may have: Python and pypdf take 100 MiB of it."""
