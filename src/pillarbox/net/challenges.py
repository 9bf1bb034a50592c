"""What an ACME authority is answered with while it looks whether a name is this server's.

Whoever asks for a certificate lays the answers down as files; every process that listens reads them when the authority
comes. So it does not matter which worker it comes to. Nothing is there most of the time.

Must never: show a challenge's certificate to a client that did not ask for `acme-tls/1` alone; read a file that a
stranger names by a path.

RFC 8737 section 3 (TLS-ALPN-01), RFC 8555 section 8.3 (HTTP-01).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from pathlib import Path
from typing import Final

from pillarbox.net.hello import MAX_HELLO_BYTES, ClientHello, Unreadable, read_client_hello
from pillarbox.net.tls import policy_context

PROTOCOL: Final = "acme-tls/1"
"""RFC 8737 section 6.2."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}", re.ASCII)
"""RFC 8555 section 8.3: base64url, 128 bits at least."""
_HOST: Final = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", re.ASCII)


class ChallengeFolder:
    """The files; all of them below one folder of the server's certificates."""

    def __init__(self, certificates_path: Path) -> None:
        self.path = certificates_path / "acme" / "challenges"

    def certificate_path(self, name: str) -> Path:
        """Where the certificate with its key is that answers for a host name (TLS-ALPN-01)."""
        return self.path / f"{name}.pem"

    def token_path(self, token: str) -> Path:
        """Where the answer to a token is (HTTP-01)."""
        return self.path / f"{token}.txt"

    def are_pending(self) -> bool:
        """Whether any answer is laid down."""
        try:
            return any(self.path.iterdir())
        except OSError:
            return False

    def answer(self, token: str) -> bytes | None:
        """To HTTP-01; None when nobody asked for a certificate with that token."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            return self.token_path(token).read_bytes()
        except OSError:
            return None

    def context(self, hello: ClientHello) -> ssl.SSLContext | None:
        """The TLS to answer an authority with; None for everybody else, and when nothing is asked for that name."""
        if hello.protocols != (PROTOCOL.encode(),) or not _HOST.fullmatch(hello.server_name):
            return None
        path = self.certificate_path(hello.server_name)
        if not path.exists():
            return None
        context = policy_context()
        context.set_alpn_protocols([PROTOCOL])
        context.num_tickets = 0
        try:
            context.load_cert_chain(path)
        except (OSError, ssl.SSLError):
            return None
        return context


async def peek_hello(accepted: socket.socket) -> ClientHello | None:
    """The ClientHello of a connection, left unread there; None when it begins otherwise, or ends. Raises OSError."""
    loop = asyncio.get_running_loop()
    count = 0
    try:
        while True:
            # What was peeked at stays readable: wait for one byte more.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count + 1)
            await _readable(loop, accepted)
            data = accepted.recv(2 * MAX_HELLO_BYTES, socket.MSG_PEEK)
            found = read_client_hello(data)
            if found is not Unreadable.INCOMPLETE or len(data) <= count or len(data) == 2 * MAX_HELLO_BYTES:
                return found if isinstance(found, ClientHello) else None
            count = len(data)
    finally:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def _readable(loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(accepted.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(accepted.fileno())
