"""The mail protocols, as far as a check speaks them: greeting, capabilities, STARTTLS, login, one round trip, goodbye.

Must never: send a password that was not asked for, or change mail (a mailbox is only examined).

IMAP: RFC 9051 (3501), IDLE: RFC 2177. SMTP: RFC 5321, 3207, 4954. POP3: RFC 1939, 2449, 2595, 5034.
ManageSieve: RFC 5804.
"""

from __future__ import annotations

import base64
from typing import Final, Protocol

from pillarbox.check.services import Talk
from pillarbox.check.settings import Login
from pillarbox.check.trouble import Said, TooMuch, printable
from pillarbox.check.wire import Wire

_MOST_LINES: Final = 500
"""In one answer; a capability list has a few dozen at most."""


class Dialect(Protocol):
    """One protocol on one connection. Each method raises Trouble; Said when the server says no."""

    tls_word: str
    """The capability that offers TLS."""

    async def greeting(self) -> str:
        """The server's first words."""
        ...

    async def capabilities(self) -> tuple[str, ...]:
        """What it says it can, in its own words."""
        ...

    async def ask_for_tls(self) -> None:
        """STARTTLS up to the server's go-ahead."""
        ...

    async def ask_for_tls_with_more(self) -> None:
        """The same, with a harmless command in the same packet, which the server must forget."""
        ...

    async def login(self, login: Login) -> None:
        """Only after TLS was verified."""
        ...

    async def round_trip(self) -> str | None:
        """A harmless exchange after login; says which, None when the server can't."""
        ...

    async def goodbye(self) -> None:
        """Leave in order."""
        ...


def dialect(talk: Talk, wire: Wire) -> Dialect:
    """The one that a service speaks."""
    kinds: dict[Talk, type[Imap] | type[Smtp] | type[Pop3] | type[Sieve]]
    kinds = {Talk.IMAP: Imap, Talk.SMTP: Smtp, Talk.POP3: Pop3, Talk.SIEVE: Sieve}
    return kinds[talk](wire)


def _plain_response(login: Login) -> str:
    """message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616)."""
    return base64.b64encode(f"\0{login.user}\0{login.password.reveal()}".encode()).decode()


class Imap:
    """IMAP4rev1 and rev2."""

    tls_word = "STARTTLS"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._count = 0
        self._known: tuple[str, ...] = ()

    async def greeting(self) -> str:
        line = await self._wire.read_line()
        if not line.upper().startswith((b"* OK", b"* PREAUTH")):
            raise Said(f"the greeting is no IMAP greeting: {printable(line, 60)}")
        return printable(line)

    async def capabilities(self) -> tuple[str, ...]:
        for line in await self._run("CAPABILITY"):
            if line.upper().startswith(b"* CAPABILITY"):
                self._known = tuple(printable(word, 60) for word in line.split()[2:])
                return self._known
        raise Said("CAPABILITY is answered without a list")

    async def ask_for_tls(self) -> None:
        await self._run("STARTTLS")

    async def ask_for_tls_with_more(self) -> None:
        await self._run("STARTTLS\r\nX1 NOOP")

    async def login(self, login: Login) -> None:
        if "AUTH=PLAIN" in (word.upper() for word in self._known):
            tag = await self._begin("AUTHENTICATE PLAIN")
            await self._continuation(tag)
            await self._wire.send(_plain_response(login).encode() + b"\r\n")
            await self._finish(tag)
        else:
            await self._run(f"LOGIN {_quoted(login.user)} {_quoted(login.password.reveal())}")

    async def round_trip(self) -> str | None:
        if "IDLE" not in (word.upper() for word in self._known):
            return None
        await self._run("EXAMINE INBOX")
        tag = await self._begin("IDLE")
        await self._continuation(tag)
        await self._wire.send(b"DONE\r\n")
        await self._finish(tag)
        return "IDLE"

    async def goodbye(self) -> None:
        await self._begin("LOGOUT")

    async def _run(self, command: str) -> list[bytes]:
        return await self._finish(await self._begin(command))

    async def _begin(self, command: str) -> bytes:
        self._count += 1
        tag = f"P{self._count}"
        await self._wire.send(f"{tag} {command}\r\n".encode())
        return tag.encode()

    async def _continuation(self, tag: bytes) -> None:
        for _ in range(_MOST_LINES):
            line = await self._wire.read_line()
            if line.startswith(b"+"):
                return
            if line.startswith(tag + b" "):
                raise Said(printable(line.removeprefix(tag + b" "), 100))
        raise TooMuch(f"more than {_MOST_LINES} lines in one answer")

    async def _finish(self, tag: bytes) -> list[bytes]:
        lines: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = await self._wire.read_line()
            if line.startswith(tag + b" "):
                status = line.removeprefix(tag + b" ")
                if not status.upper().startswith(b"OK"):
                    raise Said(printable(status, 100))
                return lines
            lines.append(line)
        raise TooMuch(f"more than {_MOST_LINES} lines in one answer")


class Smtp:
    """Submission and transfer."""

    tls_word = "STARTTLS"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def greeting(self) -> str:
        return " ".join(printable(line) for line in await self._reply(b"220"))

    async def capabilities(self) -> tuple[str, ...]:
        await self._wire.send(b"EHLO check.invalid\r\n")
        return tuple(printable(line, 60) for line in (await self._reply(b"250"))[1:])

    async def ask_for_tls(self) -> None:
        await self._wire.send(b"STARTTLS\r\n")
        await self._reply(b"220")

    async def ask_for_tls_with_more(self) -> None:
        await self._wire.send(b"STARTTLS\r\nNOOP\r\n")
        await self._reply(b"220")

    async def login(self, login: Login) -> None:
        await self._wire.send(f"AUTH PLAIN {_plain_response(login)}\r\n".encode())
        await self._reply(b"235")

    async def round_trip(self) -> str | None:
        await self._wire.send(b"NOOP\r\n")
        await self._reply(b"250")
        return "NOOP"

    async def goodbye(self) -> None:
        await self._wire.send(b"QUIT\r\n")

    async def _reply(self, code: bytes) -> list[bytes]:
        lines: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = await self._wire.read_line()
            if not line.startswith(code):
                raise Said(f"it answers {printable(line, 100)}")
            lines.append(line[4:])
            if line[3:4] != b"-":
                return lines
        raise TooMuch(f"more than {_MOST_LINES} lines in one answer")


class Pop3:
    """POP3 with STLS."""

    tls_word = "STLS"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def greeting(self) -> str:
        return await self._ok()

    async def capabilities(self) -> tuple[str, ...]:
        await self._say("CAPA")
        found: list[str] = []
        for _ in range(_MOST_LINES):
            line = await self._wire.read_line()
            if line == b".":
                return tuple(found)
            found.append(printable(line, 60))
        raise TooMuch(f"more than {_MOST_LINES} lines in one answer")

    async def ask_for_tls(self) -> None:
        await self._say("STLS")

    async def ask_for_tls_with_more(self) -> None:
        await self._say("STLS\r\nCAPA")

    async def login(self, login: Login) -> None:
        if any(character in login.user + login.password.reveal() for character in "\r\n"):
            raise Said("POP3 can't carry line breaks in a name or password")
        await self._say(f"USER {login.user}")
        await self._say(f"PASS {login.password.reveal()}")

    async def round_trip(self) -> str | None:
        await self._say("NOOP")
        return "NOOP"

    async def goodbye(self) -> None:
        await self._wire.send(b"QUIT\r\n")

    async def _say(self, command: str) -> str:
        await self._wire.send(f"{command}\r\n".encode())
        return await self._ok()

    async def _ok(self) -> str:
        line = await self._wire.read_line()
        if not line.startswith(b"+OK"):
            raise Said(f"it answers {printable(line, 100)}")
        return printable(line)


class Sieve:
    """ManageSieve: the greeting is the capability list."""

    tls_word = "STARTTLS"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def greeting(self) -> str:
        lines = await self._finish()
        return printable(lines[0] if lines else b"OK")

    async def capabilities(self) -> tuple[str, ...]:
        await self._wire.send(b"CAPABILITY\r\n")
        return tuple(printable(line.replace(b'"', b""), 60) for line in await self._finish())

    async def ask_for_tls(self) -> None:
        await self._wire.send(b"STARTTLS\r\n")
        await self._finish()

    async def ask_for_tls_with_more(self) -> None:
        await self._wire.send(b"STARTTLS\r\nNOOP\r\n")
        await self._finish()

    async def login(self, login: Login) -> None:
        await self._wire.send(f'AUTHENTICATE "PLAIN" "{_plain_response(login)}"\r\n'.encode())
        await self._finish()

    async def round_trip(self) -> str | None:
        await self._wire.send(b"LISTSCRIPTS\r\n")
        await self._finish()
        return "LISTSCRIPTS"

    async def goodbye(self) -> None:
        await self._wire.send(b"LOGOUT\r\n")

    async def _finish(self) -> list[bytes]:
        lines: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = await self._wire.read_line()
            word = line[:4].upper().rstrip()
            if word == b"OK":
                return lines
            if word in (b"NO", b"BYE"):
                raise Said(f"it answers {printable(line, 100)}")
            lines.append(line)
        raise TooMuch(f"more than {_MOST_LINES} lines in one answer")


def _quoted(text: str) -> str:
    """quoted = DQUOTE *QUOTED-CHAR DQUOTE (RFC 9051 section 9)."""
    if any(character in text for character in "\r\n\0") or not text.isascii():
        raise Said("this name or password needs AUTH=PLAIN, which the server does not offer")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
