"""One conversation with a directory server, one question at a time.

StartTLS is done on the bare socket before any stream reads from it, so nothing that came in clear can be taken for
what came encrypted.

Must never: follow a referral (a directory can't send our passwords somewhere else); log what it sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from pillarbox.auth.ldap import ber, messages
from pillarbox.auth.ldap.address import LdapAddress, Protection, connected_socket
from pillarbox.auth.ldap.messages import Entry, Result, ResultCode, Scope
from pillarbox.secret import Secret

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""No entry that was asked for a few attributes is larger."""
MAX_MESSAGES: Final = 100
"""Of one answer; a person is one entry."""
_STEP_BYTES: Final = 16 * 1024


class LdapTrouble(Exception):
    """The server can't be asked, or its answer makes no sense; the text is for the operator."""


class LdapHungUp(LdapTrouble):
    """The server ended the conversation: one that was kept may have been ended long ago."""


class LdapConnection:
    """An open connection; not bound as anybody until it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        """`seconds` is what a server is told that a search may take; the caller keeps the time."""
        self._reader = reader
        self._writer = writer
        self._seconds = max(1, int(seconds))
        self._received = bytearray()
        self._number = 0
        self._is_waiting = False

    @classmethod
    async def open(cls, address: LdapAddress, tls: ssl.SSLContext, seconds: float) -> LdapConnection:
        """Connect, and be protected before the first question. Raises LdapTrouble."""
        try:
            if address.protection is Protection.SOCKET:
                reader, writer = await asyncio.open_unix_connection(address.host)
                return cls(reader, writer, seconds)
            connection = await connected_socket(address)
            try:
                if address.protection is Protection.START_TLS:
                    await _start_tls(connection)
                secured = address.protection is not Protection.LOOPBACK
                reader, writer = await asyncio.open_connection(
                    sock=connection, ssl=tls if secured else None, server_hostname=address.host if secured else None
                )
            except BaseException:
                connection.close()
                raise
        except (OSError, ber.Malformed) as error:
            raise LdapTrouble(f"can't reach the directory {address}: {error}") from error
        return cls(reader, writer, seconds)

    @property
    def is_usable(self) -> bool:
        """False once the server hung up, or when an answer was not waited for."""
        return not self._is_waiting and not self._received and not self._reader.at_eof()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError, RuntimeError):
            if not self._writer.is_closing():
                self._writer.write(messages.unbind(self._number + 1))
            self._writer.close()

    async def bind(self, dn: bytes, password: Secret[bytes]) -> Result:
        """Be somebody; the connection is nobody's when that fails. Raises LdapTrouble."""
        self._number += 1
        result, _ = await self._asked(messages.bind(self._number, dn, password))
        return result

    async def search(self, base: bytes, scope: Scope, search_filter: bytes, attributes: Sequence[str]) -> list[Entry]:
        """The entries that fit, two at most: more than one is too many anyway. Raises LdapTrouble.

        No base: nothing fits. What the server only refers to is no entry.
        """
        self._number += 1
        wanted = attributes or ("1.1",)  # "no attributes", RFC 4511 section 4.5.1.8
        request = messages.search(self._number, base, scope, search_filter, wanted, 2, self._seconds)
        result, entries = await self._asked(request)
        if result.code not in (ResultCode.SUCCESS, ResultCode.SIZE_LIMIT_EXCEEDED, ResultCode.NO_SUCH_OBJECT):
            raise LdapTrouble(f"the directory refused to search: result {result.code} {result.text}".rstrip())
        return entries

    async def _asked(self, request: bytes) -> tuple[Result, list[Entry]]:
        self._is_waiting = True
        entries: list[Entry] = []
        try:
            self._writer.write(request)
            await self._writer.drain()
            for _ in range(MAX_MESSAGES):
                answer = messages.parse(await self._message())
                if answer.number != self._number:
                    raise LdapHungUp("the directory ended the conversation, or answered another question")
                if isinstance(answer, Result):
                    self._is_waiting = False
                    return answer, entries
                if isinstance(answer, Entry):
                    entries.append(answer)
        except OSError as error:
            raise LdapHungUp(f"the directory broke off: {error}") from error
        except ber.Malformed as error:
            raise LdapTrouble(f"the directory talks nonsense: {error}") from error
        raise LdapTrouble("the directory's answer has no end")

    async def _message(self) -> bytes:
        while (size := ber.whole_size(self._received, MAX_MESSAGE_BYTES)) is None or size > len(self._received):
            piece = await self._reader.read(_STEP_BYTES)
            if not piece:
                raise LdapHungUp("the directory hung up")
            self._received += piece
        message = bytes(self._received[:size])
        del self._received[:size]
        return message


async def _start_tls(connection: socket.socket) -> None:
    """RFC 4511 section 4.14. What follows the answer in clear was put there by somebody else. Raises OSError."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, messages.start_tls(1))
    received = b""
    while (size := ber.whole_size(received, MAX_MESSAGE_BYTES)) is None or size > len(received):
        piece = await loop.sock_recv(connection, _STEP_BYTES)
        if not piece:
            raise OSError("it hung up when TLS was to begin")
        received += piece
    if size != len(received):
        raise OSError("something follows its answer to StartTLS in clear")
    answer = messages.parse(received)
    if not isinstance(answer, Result) or answer.code != ResultCode.SUCCESS:
        raise OSError("it does not start TLS; use ldaps://, or give it a certificate")
