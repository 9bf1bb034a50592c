"""An accepted socket until TLS is up: looks at the hello, refuses other protocols, shakes hands.

No TLS object is made before a whole ClientHello has come, so a silent connection costs next to nothing.

Must never: block, or pass a client on that offered ALPN without our protocol (RFC 7301 section 3.2).
"""

from __future__ import annotations

import socket
import ssl

from pillarbox.conversation import Peer
from pillarbox.net.binding import TlsBindings
from pillarbox.net.connection import Connection
from pillarbox.net.hall import Hall, Visit
from pillarbox.net.hello import MAX_HELLO_BYTES, NO_APPLICATION_PROTOCOL, ClientHello, Unreadable, read_client_hello
from pillarbox.net.proxy import UNNAMED_PROXY, begins_header
from pillarbox.net.served import Held, ServerTls


class Entrance:
    """One connection before its conversation."""

    __slots__ = (
        "_fd",
        "_hall",
        "_held",
        "_hello",
        "_is_challenge",
        "_peeked_bytes",
        "_socket",
        "_tls",
        "_tls_socket",
        "_visit",
        "_writing",
    )

    def __init__(self, hall: Hall, tls: ServerTls, visit: Visit, accepted: socket.socket) -> None:
        """`accepted` is non-blocking and belongs to this object from now on."""
        self._hall = hall
        self._tls = tls
        self._visit = visit
        self._socket = accepted
        self._fd = accepted.fileno()
        self._tls_socket: ssl.SSLSocket | None = None
        self._hello = ClientHello()
        self._held: Held | None = None
        self._is_challenge = False
        self._peeked_bytes = 0
        self._writing = False
        hall.enter(self, visit)
        hall.loop.add_reader(self._fd, self._on_ready)

    def sweep(self, now_seconds: float) -> None:
        if now_seconds - self._visit.started_seconds >= self._hall.settings.handshake_timeout_seconds:
            self.abort("TLS handshake took too long")

    def part(self, reason: str) -> None:
        self.abort(reason)

    def abort(self, reason: str) -> None:
        self._unwatch()
        (self._tls_socket or self._socket).close()
        self._hall.leave(self, self._visit, reason)

    def _on_ready(self) -> None:
        try:
            if self._tls_socket is None:
                self._read_hello()
            if self._tls_socket is not None:
                self._shake_hands(self._tls_socket)
        except ssl.SSLError as error:
            self.abort(f"TLS handshake failed: {error.reason or 'connection cut'}")
        except OSError as error:
            self.abort(f"TLS handshake failed: {error.strerror}")
        except Exception as error:
            self._hall.events.bug("connection.handshake_failed", error, address=self._visit.address)
            self.abort("error in the server")

    def _read_hello(self) -> None:
        room = self._hall.buffer[: 2 * MAX_HELLO_BYTES]  # twice: a hello may be cut into many records
        count = self._socket.recv_into(room, 0, socket.MSG_PEEK)
        found = read_client_hello(bytes(room[:count]))
        if isinstance(found, ClientHello):
            self._welcome(found)
        elif found is not Unreadable.INCOMPLETE:
            is_header = begins_header(bytes(room[:count]))
            self.abort(UNNAMED_PROXY if is_header else f"TLS handshake failed: {found.value}")
        elif count == self._peeked_bytes or count == len(room):
            # Readiness without a byte more than before is the end of the input.
            self.abort("TLS handshake failed: incomplete ClientHello" if count else "client closed before TLS")
        else:
            # What was peeked at stays readable: wait for one byte more, or the loop would spin.
            self._peeked_bytes = count
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count + 1)

    def _welcome(self, hello: ClientHello) -> None:
        challenges = self._tls.challenges
        challenge = None if challenges is None else challenges.context(hello)
        if challenge is None and self._refuses(hello):
            self._socket.recv_into(self._hall.buffer)  # unread input would reset the connection and lose the alert
            self._socket.send(NO_APPLICATION_PROTOCOL)
            self.abort("client offers other protocols only")
            return
        if self._peeked_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self._hello = hello
        self._is_challenge = challenge is not None
        self._held = self._tls.held_for(hello.server_name)
        self._tls_socket = (challenge or self._tls.context_for(hello.server_name)).wrap_socket(
            self._socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )

    def _shake_hands(self, tls_socket: ssl.SSLSocket) -> None:
        try:
            tls_socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            if not self._writing:
                self._writing = True
                self._hall.loop.add_writer(self._fd, self._on_ready)
            return
        if self._is_challenge:
            self.abort("an ACME authority looked")  # the handshake was all (RFC 8737 section 3)
            return
        if self._tls.protocol and self._hello.protocols and (tls_socket.selected_alpn_protocol() != self._tls.protocol):
            self.abort("no common protocol")
            return
        self._unwatch()
        self._visit.tls_version = tls_socket.version() or ""
        cipher = tls_socket.cipher()
        peer = Peer(
            address=self._visit.address,
            port=self._visit.port,
            tls_version=self._visit.tls_version,
            tls_cipher=cipher[0] if cipher else "",
            server_name=self._hello.server_name,
            certificate=tls_socket.getpeercert(binary_form=True) or b"",
            bindings=TlsBindings(tls_socket, self._held.leaf if self._held else None, self._tls.exporter),
        )
        conversation = self._hall.make_conversation()
        connection = Connection(self._hall, self._visit, tls_socket, peer, conversation)
        self._hall.replace(self, connection)
        connection.start()

    def _refuses(self, hello: ClientHello) -> bool:
        protocol = self._tls.protocol.encode()
        return bool(protocol and hello.protocols) and protocol not in hello.protocols

    def _unwatch(self) -> None:
        self._hall.loop.remove_reader(self._fd)
        if self._writing:
            self._hall.loop.remove_writer(self._fd)
            self._writing = False
