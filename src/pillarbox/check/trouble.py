"""What can go wrong on the way to an answer, in words for a person.

Must never: carry bytes from the network unfiltered.
"""

from __future__ import annotations

from typing import Final

_LONGEST_QUOTE: Final = 200


class Trouble(Exception):
    """The other side did not do what was needed. Its text is one plain clause."""


class TimedOut(Trouble):
    """Nothing, or not enough, came in time."""


class Refused(Trouble):
    """The port is closed: the host answered that nobody listens there."""


class Unreachable(Trouble):
    """No answer from the host, or a router says that it can't be reached."""


class HungUp(Trouble):
    """The connection was closed or reset before the answer."""


class TooMuch(Trouble):
    """More bytes came than any honest server sends."""


class NotTls(Trouble):
    """The other side does not speak TLS here; `raw_first` is what it said instead."""

    def __init__(self, text: str, raw_first: bytes) -> None:
        super().__init__(text)
        self.raw_first = raw_first


class TlsFailed(Trouble):
    """TLS was spoken, and the handshake failed. `reason` is OpenSSL's word for it, such as NO_PROTOCOLS_AVAILABLE."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class Said(Trouble):
    """The server answered the command with no, or with nonsense."""


def printable(data: bytes | str, longest: int = _LONGEST_QUOTE) -> str:
    """Network bytes for a person's screen: one line, no control characters, cut at `longest` characters."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    clean = "".join(character if character.isprintable() else "?" for character in text[: longest + 1].strip())
    return clean if len(clean) <= longest else clean[: longest - 3] + "..."


_PROTOCOLS: Final = (
    (b"SSH-", "SSH"),
    (b"HTTP/", "HTTP"),
    (b"<!DOCTYPE", "HTTP"),
    (b"<html", "HTTP"),
    (b"* OK", "IMAP without TLS"),
    (b"* PREAUTH", "IMAP without TLS"),
    (b"* BYE", "IMAP without TLS"),
    (b"* BAD", "IMAP without TLS"),
    (b"+OK", "POP3 without TLS"),
    (b"-ERR", "POP3 without TLS"),
    (b'"IMPLEMENTATION"', "ManageSieve without TLS"),
    (b"220", "SMTP or FTP without TLS"),
    (b"421", "SMTP or FTP without TLS"),
    (b"554", "SMTP without TLS"),
    (b"RFB ", "VNC"),
)


def protocol_of(raw_first: bytes) -> str | None:
    """What speaks, judged by its first bytes; None when they are unknown."""
    return next((name for start, name in _PROTOCOLS if raw_first.startswith(start)), None)
