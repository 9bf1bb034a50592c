"""What is said in clear before STARTTLS, at a port that the operator asked for: capabilities, and no to logins.

Must never: take a password, buffer a literal, or let anything through that came before TLS.

RFC 9051 sections 6.2.1 (STARTTLS) and 11.1, RFC 5530 (PRIVACYREQUIRED), RFC 2971 (ID).
"""

from __future__ import annotations

from typing import Final

from pillarbox.conversation import Then
from pillarbox.imap.command import Capability
from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import FrameLimits, Framer, GoAhead, Hopeless, NoRoom, RawCommand

CAPABILITIES: Final = (Capability("STARTTLS", "9051"), Capability("LOGINDISABLED", "9051"))
"""What is offered here and nowhere else."""

_OFFERED: Final = "IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED"
"""RFC 9051 section 6.2.1: the rest is said under TLS, where nobody can change it."""

_KNOWN: Final = frozenset({"CAPABILITY", "NOOP", "LOGOUT", "STARTTLS"})


class ImapOverture:
    """Satisfies pillarbox.conversation.Overture."""

    __slots__ = ("_framer", "_limits", "_mistakes", "_most_mistakes")

    def __init__(self, limits: ImapLimits) -> None:
        self._framer = Framer(_no_literals)
        self._limits = FrameLimits(limits.line_bytes_before_login, limits.drain_bytes, literals=1, spilled_literals=0)
        self._mistakes = 0
        self._most_mistakes = limits.bad_commands_before_login

    def greeting(self) -> bytes:
        return f"* OK [CAPABILITY {_OFFERED}] Pillarbox ready for STARTTLS\r\n".encode("ascii")

    def receive(self, data: bytes) -> tuple[bytes, Then]:
        """The answer, and what comes then."""
        self._framer.feed(memoryview(data))
        said = b""
        while (event := self._framer.pull(self._limits)) is not None:
            if isinstance(event, Hopeless):
                return said + b"* BYE %b\r\n" % event.text.encode("ascii"), Then.OVER
            if isinstance(event, GoAhead):  # _no_literals() gives none
                continue
            if isinstance(event, RawCommand):
                reply, then = self._answer(event)
            else:
                reply, then = self._mistake(event.tag, event.text)
            said += reply
            if then is not Then.MORE:
                return said, then
        return said, Then.MORE

    def _answer(self, raw: RawCommand) -> tuple[bytes, Then]:
        if raw.texts == (b"",):  # Apple Mail sends an empty line before a command
            return b"", Then.MORE
        tag = b""
        try:
            cursor = Cursor(raw)
            tag = cursor.tag()
            cursor.space()
            name = cursor.word()
            if name == "ID":  # what the client calls itself is asked again under TLS
                return b'* ID ("name" "Pillarbox")\r\n%b OK ID completed\r\n' % tag, Then.MORE
            if name in ("LOGIN", "AUTHENTICATE"):
                return b"%b NO [PRIVACYREQUIRED] Say STARTTLS first\r\n" % tag, Then.MORE
            if name not in _KNOWN:
                return self._mistake(tag, "Say STARTTLS first")
            cursor.end()
        except BadSyntax as error:
            return self._mistake(tag, error.text)
        match name:
            case "CAPABILITY":
                said = f"* CAPABILITY {_OFFERED}\r\n".encode("ascii")
                return said + b"%b OK CAPABILITY completed\r\n" % tag, Then.MORE
            case "NOOP":
                return b"%b OK NOOP completed\r\n" % tag, Then.MORE
            case "LOGOUT":
                return b"* BYE Logging out\r\n%b OK LOGOUT completed\r\n" % tag, Then.OVER
            case "STARTTLS" if self._framer.unread_bytes:
                return b"* BYE Nothing may follow STARTTLS before TLS has begun\r\n", Then.OVER
            case _:
                return b"%b OK Begin TLS now\r\n" % tag, Then.TLS

    def _mistake(self, tag: bytes, text: str) -> tuple[bytes, Then]:
        self._mistakes += 1
        said = b"%b BAD %b\r\n" % (tag or b"*", text.encode("ascii"))
        if self._mistakes >= self._most_mistakes:
            return said + b"* BYE Too many invalid commands\r\n", Then.OVER
        return said, Then.MORE


def _no_literals(_text: bytes, _size: int, _held_bytes: int) -> NoRoom:
    return NoRoom("No literals before TLS")
