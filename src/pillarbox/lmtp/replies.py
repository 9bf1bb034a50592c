"""What LMTP says: the only table from mail words to reply codes.

RFC 5321 section 4.2 (codes), RFC 3463 and RFC 5248 (enhanced ones), RFC 2034 (where those stand: on every 2, 4 and 5
but not on the greeting and the answer to LHLO).
"""

from __future__ import annotations

from typing import Final

from pillarbox.delivery.outcome import Fate, Outcome

OK: Final = b"250 2.0.0 OK\r\n"
SENDER_OK: Final = b"250 2.1.0 Sender OK\r\n"
RECIPIENT_OK: Final = b"250 2.1.5 Recipient OK\r\n"
CHUNK_OK: Final = b"250 2.0.0 %d octets received\r\n"
SEND_TEXT: Final = b"354 End with a line that is a single dot\r\n"
GOODBYE: Final = b"221 2.0.0 Goodbye\r\n"
NO_VERIFYING: Final = b"252 2.5.0 Nobody is verified here; send the message\r\n"
HELP: Final = b"214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT (RFC 2033)\r\n"

IS_LMTP: Final = b"500 5.5.1 This is LMTP: say LHLO\r\n"
UNKNOWN: Final = b"500 5.5.1 Command unknown\r\n"
LHLO_FIRST: Final = b"503 5.5.1 Say LHLO first\r\n"
MAIL_FIRST: Final = b"503 5.5.1 Say MAIL first\r\n"
RECIPIENT_FIRST: Final = b"503 5.5.1 No recipient was accepted\r\n"
MAIL_TWICE: Final = b"503 5.5.1 There is a sender already; say RSET to begin anew\r\n"
IN_CHUNKS: Final = b"503 5.5.1 The message comes in chunks: only BDAT, NOOP, RSET and QUIT now\r\n"
LHLO_WANTS_NAME: Final = b"501 5.5.4 LHLO wants the name of the client\r\n"
NO_SUCH_RECIPIENT: Final = b"550 5.1.1 Nobody here has that address\r\n"
CANNOT_LOOK_UP: Final = b"451 4.3.0 Addresses can't be looked up now; try again later\r\n"
TOO_MANY_RECIPIENTS: Final = b"452 4.5.3 Too many recipients; send the rest with another message\r\n"
TOO_MANY_MISTAKES: Final = b"421 4.7.0 Too many commands that are none\r\n"
TOO_MUCH: Final = b"421 4.3.4 That is far more than one message may have\r\n"

_CODES: Final = {
    Fate.DELIVERED: b"250 2.0.0",
    Fate.REJECTED: b"550 5.7.1",
    Fate.TOO_BIG: b"552 5.3.4",
    Fate.FULL: b"552 5.2.2",
    Fate.FULL_FOR_NOW: b"452 4.2.2",
    Fate.NO_ROOM: b"452 4.3.1",
    Fate.TROUBLE: b"451 4.3.0",
}
_TEXT_BYTES: Final = 400
"""Of one reply line; RFC 5321 section 4.5.3.1.5 allows 512 in all."""


def outcome_reply(outcome: Outcome, recipient: str) -> bytes:
    """What became of the message for one recipient."""
    text = outcome.text if outcome.text else f"<{recipient}> delivered"
    return b"%b %b\r\n" % (_CODES[outcome.fate], plain(text))


def too_big(limit_bytes: int) -> bytes:
    return b"552 5.3.4 A message can have %d octets here at most\r\n" % limit_bytes


def unreadable(text: str) -> bytes:
    return b"501 5.5.2 %b\r\n" % plain(text)


def unknown_parameter(text: str) -> bytes:
    return b"555 5.5.4 %b\r\n" % plain(text)


def unfit_line(text: str) -> bytes:
    return b"500 5.5.2 %b\r\n" % plain(text)


def leaving(text: str) -> bytes:
    return b"421 4.3.2 %b\r\n" % plain(text)


def plain(text: str) -> bytes:
    """Text for one line, whatever a user or a script put in."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line.encode("utf-8", "replace")[:_TEXT_BYTES].decode("utf-8", "ignore").encode() or b"OK"
