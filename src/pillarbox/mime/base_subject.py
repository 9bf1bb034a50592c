"""The base subject: what is left of a Subject without `Re:`, `Fwd:`, `[list]` and the like. RFC 5256 section 2.1.

"All servers [...] MUST use exactly this algorithm". Section 5 has the words of it:

    subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
    subj-blob    = "[" *BLOBCHAR "]" *WSP            ; BLOBCHAR: anything but "[" and "]"
    subj-leader  = (*subj-blob subj-refwd) / WSP
    subj-trailer = "(fwd)" / WSP
    subj-fwd-hdr = "[fwd:"
    subj-fwd-trl = "]"

Must never: take more than linear time. All blobs of a row are looked at in one go: when no `re:` follows the last of
them, none follows the others, and step 4 takes away all but perhaps the last.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_WHITE: Final = re.compile(r"[\t\r\n ]+")
_BLOB: Final = r"\[[^\[\]]*+\] *+"
_BLOBS: Final = re.compile(rf"(?:{_BLOB})*+")
_REFWD: Final = re.compile(rf"(?:re|fwd?+) *+(?:{_BLOB})?+:", re.IGNORECASE | re.ASCII)
_FORWARD_TRAILER: Final = "(fwd)"
_FORWARD_HEADER: Final = "[fwd:"


class BaseSubject(NamedTuple):
    text: str
    is_reply: bool
    """Something was taken away that marks a reply or a forward (RFC 5256 section 3, REFERENCES)."""


def base_subject(subject: str) -> BaseSubject:
    """The base subject of a decoded Subject; its lines may still be folded."""
    text = _WHITE.sub(" ", subject)  # step 1
    start, end, is_reply = 0, len(text), False
    while True:
        end, trailed = _without_trailers(text, start, end)  # step 2
        start, led = _without_leaders(text, start, end)  # steps 3 to 5
        is_reply |= trailed or led
        if end - start < 6 or text[end - 1] != "]" or text[start : start + 5].lower() != _FORWARD_HEADER:
            return BaseSubject(text[start:end], is_reply)
        start, end, is_reply = start + 5, end - 1, True  # step 6


def _without_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where the text ends without subj-trailers, and whether "(fwd)" was among them."""
    forwarded = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= 5 and text[end - 5 : end].lower() == _FORWARD_TRAILER:
            end -= 5
            forwarded = True
        else:
            break
    return end, forwarded


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where the text begins without subj-leaders, and blobs that something follows; whether there was a subj-refwd."""
    replied = False
    while start < end:
        if text[start] == " ":
            start += 1
            continue
        blobs = _BLOBS.match(text, start, end)
        after_blobs = blobs.end() if blobs else start
        refwd = _REFWD.match(text, after_blobs, end)
        if refwd:
            start, replied = refwd.end(), True
        elif after_blobs < end:
            return after_blobs, replied
        else:
            return _start_of_last_blob(text, start, end), replied
    return start, replied


def _start_of_last_blob(text: str, start: int, end: int) -> int:
    """The text is nothing but blobs, without white space at its end: the last one is the base."""
    return max(start, text.rfind("[", start, end))
