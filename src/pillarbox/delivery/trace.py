"""The header fields that final delivery puts in front of a message, and messages of our own.

RFC 5321 section 4.4 (Return-Path, Received), RFC 3848 and RFC 6531 section 4.3 (what stands behind `with`),
RFC 9228 (Delivered-To), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from pillarbox.delivery.headers import without_fields
from pillarbox.mail.dates import InternalDate

TRACE_BYTES: Final = 4096
"""More than the fields below can take; a message may be so much smaller than the store's limit at most."""

_FIELD_LINE: Final = re.compile(rb"[!-9;-~]+[ \t]*:")
_PLAIN_ADDRESS: Final = re.compile(r"[\w.+=-]+@[\w.-]+", re.ASCII)
"""One that can stand in a field as it is. The standard library raises at many others, and strangers choose them."""
_MBOX_LINE: Final = re.compile(rb">?From [^\n]*\n")


@dataclass(frozen=True, slots=True)
class Via:
    """How a message came."""

    protocol: str
    """`LMTP`, `LMTPS`, `local` ..."""
    server_name: str
    """Ours."""
    client_name: str = ""
    """As it called itself."""
    client_address: str = ""


def trace_fields(sender: str, recipient: str, via: Via, date: InternalDate) -> bytes:
    """Return-Path, Delivered-To (unless `recipient` is empty) and Received."""
    lines = [f"Return-Path: <{_clean(sender)}>"]
    if recipient:
        lines.append(f"Delivered-To: {_clean(recipient)}")
    came_from = f"from {_clean(via.client_name)} " if via.client_name else ""
    came_from += f"({_clean(via.client_address)}) " if came_from and via.client_address else ""
    lines.append(f"Received: {came_from}by {via.server_name} with {via.protocol};")
    lines.append(f"\t{date_text(date)}")
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"


def untraced_head(raw_head: bytes) -> bytes:
    """The beginning of a message as it came, made to stand behind our fields.

    Return-Path of others goes (RFC 5321 section 4.4), and so does a From_ line that a pipe puts first. What does not
    begin with a header field or an empty line is text without a header: an empty line comes before it.
    """
    while found := _MBOX_LINE.match(raw_head):
        raw_head = raw_head[found.end() :]
    if b"return-path" in raw_head.lower():
        raw_head = without_fields(raw_head, frozenset({b"return-path"}))
    if raw_head[:2] == b"\r\n" or _FIELD_LINE.match(raw_head):
        return raw_head
    return b"\r\n" + raw_head


def notice(server_name: str, recipient: str, subject: str, text: str, date: InternalDate) -> bytes:
    """A message of our own to the owner of an account, whole."""
    from email.message import EmailMessage  # with 1 MB that is seldom needed
    from email.policy import SMTP
    from email.utils import make_msgid

    message = EmailMessage(policy=SMTP)
    message["From"] = f"Pillarbox <postmaster@{server_name}>"
    message["To"] = recipient if _PLAIN_ADDRESS.fullmatch(recipient) else "undisclosed-recipients:;"
    message["Subject"] = " ".join(subject.split())
    message["Date"] = date_text(date)
    message["Message-ID"] = make_msgid(domain=server_name)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="base64" if not text.isascii() else None)
    return message.as_bytes()


def date_text(date: InternalDate) -> str:
    """RFC 5322 section 3.3 date-time."""
    from email.utils import format_datetime

    zone = timezone(timedelta(minutes=date.zone_minutes))
    return format_datetime(datetime.fromtimestamp(date.epoch_seconds, zone))


def _clean(text: str) -> str:
    """Nothing that could begin a line."""
    return "".join(character if character.isprintable() else "?" for character in text)[:1000]
