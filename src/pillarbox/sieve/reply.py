"""The message that a vacation answer is (RFC 5230 section 5, RFC 3834).

Must never: let text of a message or a script begin a header field of its own.
"""

from __future__ import annotations

import quopri
import re
from dataclasses import dataclass
from email.header import Header
from email.utils import formatdate
from typing import Final

from pillarbox.sieve.keys import hashed
from pillarbox.sieve.message import SieveMessage

_MOST_REFERENCES: Final = 20
_message_id = re.compile(r"<[!-;=?-~]+>")
_control = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Reply:
    author: str
    recipient: str
    subject: str
    """Empty for one made of the message's own."""
    reason: str
    is_mime: bool


def write_reply(reply: Reply, original: SieveMessage, now_seconds: float) -> bytes:
    """The whole message, CRLF line ends."""
    first = [subject for subject in original.values("subject") if subject][:1]
    subject = reply.subject or (f"Auto: {first[0]}" if first else "Automated reply")
    asked_ids = [found for value in original.values("message-id")[:1] for found in _message_id.findall(value)[:1]]
    references = [found for value in original.values("references")[:1] for found in _message_id.findall(value)]
    domain = reply.author.rpartition("@")[2].strip("<> ") or "localhost"
    unique = hashed(reply.recipient, reply.reason, str(now_seconds), *asked_ids)
    fields = [
        ("From", reply.author),
        ("To", f"<{reply.recipient}>"),
        ("Subject", subject),
        ("Date", formatdate(now_seconds)),
        ("Message-ID", f"<{unique}@{domain}>"),
        *(("In-Reply-To", asked) for asked in asked_ids),
        *(("References", " ".join([*references[-_MOST_REFERENCES:], asked])) for asked in asked_ids),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
    ]
    header = b"".join(_field(name, value) for name, value in fields)
    return header + (_entity(reply.reason) if reply.is_mime else _plain(reply.reason))


def _field(name: str, value: str) -> bytes:
    value = _control.sub(" ", value).strip()
    encoded = Header(value, None if value.isascii() else "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode("ascii", "replace")


def _plain(reason: str) -> bytes:
    lines = "\r\n".join(reason.splitlines()) + "\r\n"
    if lines.isascii() and all(len(line) <= 998 for line in lines.splitlines()):
        return b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + lines.encode()
    text = lines.replace("\r\n", "\n").encode("utf-8", "replace")
    encoded = quopri.encodestring(text).replace(b"\n", b"\r\n")
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def _entity(reason: str) -> bytes:
    """A MIME entity with a header of its own; one without a header is a body."""
    entity = "\r\n".join(reason.splitlines()).encode("utf-8", "replace") + b"\r\n"
    head, found, body = entity.partition(b"\r\n\r\n")
    fields = [line for line in head.split(b"\r\n") if line.lower().startswith((b"content-", b" ", b"\t"))]
    if not found or not fields or fields[0][:1] in b" \t" or not head.isascii():
        return _plain(reason)
    return b"\r\n".join(fields) + b"\r\n\r\n" + body
