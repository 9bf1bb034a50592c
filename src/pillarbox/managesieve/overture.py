"""What is said in clear before STARTTLS: capabilities, and no to everything else (RFC 5804 section 2.2).

Must never: take a password, or let anything through that came before TLS.
"""

from __future__ import annotations

from pillarbox.conversation import Then
from pillarbox.managesieve.framer import Command, Framer, Unfit
from pillarbox.managesieve.limits import ManageSieveLimits
from pillarbox.managesieve.replies import answer, capabilities_before_tls
from pillarbox.sieve.limits import SieveLimits


class ManageSieveOverture:
    """Satisfies pillarbox.conversation.Overture."""

    def __init__(self, limits: ManageSieveLimits, sieve: SieveLimits) -> None:
        self._limits = limits
        self._sieve = sieve
        self._framer = Framer()
        self._mistakes = 0

    def greeting(self) -> bytes:
        return capabilities_before_tls(self._sieve)

    def receive(self, data: bytes) -> tuple[bytes, Then]:
        """The answer, and what comes then."""
        self._framer.feed(data)
        said = b""
        while (command := self._framer.pull(self._limits, self._limits.literal_bytes_before_login)) is not None:
            reply, then = self._answer(command)
            said += reply
            if then is not Then.MORE:
                return said, then
        return said, Then.MORE

    def _answer(self, command: Command | Unfit) -> tuple[bytes, Then]:
        if isinstance(command, Command):
            match command.name:
                case "CAPABILITY":
                    return capabilities_before_tls(self._sieve), Then.MORE
                case "NOOP":
                    return answer("OK"), Then.MORE
                case "LOGOUT":
                    return answer("OK", "Goodbye"), Then.OVER
                case "STARTTLS" if self._framer.unread_bytes:
                    return answer("BYE", "Nothing may follow STARTTLS before TLS has begun"), Then.OVER
                case "STARTTLS":
                    return answer("OK", "Begin TLS now"), Then.TLS
        self._mistakes += 1
        if self._mistakes >= self._limits.mistakes or command is Unfit.ENDLESS:
            return answer("BYE", "Too many commands that are none"), Then.OVER
        if isinstance(command, Command) and command.name == "AUTHENTICATE":
            return answer("NO", "Say STARTTLS first", "ENCRYPT-NEEDED"), Then.MORE
        return answer("NO", "Say STARTTLS first"), Then.MORE
