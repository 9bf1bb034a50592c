"""One TLS connection with its conversation: reads, writes, back-pressure, time-outs, the end.

A raw non-blocking SSLSocket watched with add_reader/add_writer: asyncio's own TLS keeps a 256 KB buffer for each
connection. Time is taken by the sweep alone: reads and writes only leave a mark, so the hot
path never asks the clock.

Life: start -> run() of the conversation is a task, reads feed it -> run() returned: send what waits -> close_notify
-> linger until the client has closed -> closed. `abort` goes to the end from anywhere.

Must never: block, let an exception of a callback reach the loop, or know a protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from pillarbox.conversation import Conversation, Peer, Phase
from pillarbox.net.hall import Hall, Visit
from pillarbox.net.output import RECORD_BYTES, Output

QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux only."""

READS_PER_TURN = 16
"""Records read from one connection before others get their turn: 256 KiB."""

SENT_PER_TURN_BYTES = 1024 * 1024
"""Bytes that one connection may send before others get their turn, when its client takes all at once."""

DRAIN_COST_BYTES = 4096
"""What a drain counts for at least in that: a client that pipelines thousands of short commands waits its turn too."""


class Channel(Protocol):
    """What is used of an ssl.SSLSocket; so plain.PlainSocket can be one too. Its errors are OpenSSL's."""

    def fileno(self) -> int: ...

    def read(self, room: int, buffer: Any, /) -> Any: ...  # Any: typeshed says bytes, a buffer makes it a count

    def write(self, data: Any, /) -> int: ...  # Any: whatever has bytes

    def pending(self) -> int: ...

    def recv_into(self, buffer: Any, /) -> int: ...  # Any: as above

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...

    def unwrap(self) -> object: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


class Connection:
    """The conversation's Outlet, and a guest of the hall."""

    __slots__ = (
        "_close_by_seconds",
        "_conversation",
        "_fd",
        "_hall",
        "_heard",
        "_heard_at_seconds",
        "_high_water_bytes",
        "_input_over",
        "_lingering",
        "_lost",
        "_output",
        "_parting",
        "_read_blocked",
        "_reading",
        "_run_over",
        "_sent",
        "_sent_at_seconds",
        "_sent_this_turn",
        "_socket",
        "_stuck_since_seconds",
        "_task",
        "_visit",
        "_waiters",
        "_why",
        "_writing",
        "peer",
    )

    def __init__(self, hall: Hall, visit: Visit, tls_socket: Channel, peer: Peer, conversation: Conversation) -> None:
        """`tls_socket` has shaken hands (or is a plain.PlainSocket), is not watched, and belongs to this object from
        now on."""
        now = hall.clock.monotonic_seconds()
        self.peer = peer
        self._hall = hall
        self._visit = visit
        self._socket = tls_socket
        self._fd = tls_socket.fileno()
        self._conversation = conversation
        self._output = Output()
        self._high_water_bytes = hall.settings.high_water_bytes
        self._task: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._why = ""
        self._reading = self._writing = self._read_blocked = self._parting = False
        self._input_over = self._run_over = self._lingering = self._lost = False
        self._heard = self._sent = False
        self._heard_at_seconds = self._sent_at_seconds = now
        self._stuck_since_seconds: float | None = None
        self._close_by_seconds: float | None = None
        self._sent_this_turn = 0

    def start(self) -> None:
        """Begin the conversation and the reading."""
        self._task = self._hall.loop.create_task(self._serve())
        self._read_on()

    # --- the conversation's Outlet ----------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self._lost:
            self._output.push(data)

    async def drain(self) -> None:
        self._sent_this_turn += DRAIN_COST_BYTES
        try:
            self._send()
        except Exception as error:
            self._fail(error)
        while self._output.size_bytes >= self._high_water_bytes and not self._lost:
            waiter = self._hall.loop.create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            await waiter
        if self._lost:
            raise ConnectionResetError(self._why)
        if not self._reading:
            self._read_on()
        if self._sent_this_turn >= SENT_PER_TURN_BYTES:
            await asyncio.sleep(0)
            self._sent_this_turn = 0

    # --- the hall's guest -------------------------------------------------------------------------

    def sweep(self, now_seconds: float) -> None:
        settings = self._hall.settings
        self._read_the_marks(now_seconds)
        if self._close_by_seconds is not None:
            if now_seconds >= self._close_by_seconds:
                self.abort(self._why)
        elif self._stuck_since_seconds is not None and (
            now_seconds - self._stuck_since_seconds >= settings.unwritable_timeout_seconds
        ):
            self.abort("client took nothing for too long")
        elif self._conversation.phase is Phase.LOGIN:
            if now_seconds - self._visit.started_seconds >= settings.login_timeout_seconds:
                self._time_out("Login took too long", now_seconds)
        elif now_seconds - self._heard_at_seconds >= settings.idle_timeout_seconds:
            self._time_out("Idle for too long", now_seconds)
        elif now_seconds - self._sent_at_seconds >= settings.keep_alive_seconds and not self._output.size_bytes:
            self._sent_at_seconds = now_seconds
            self._guarded(self._keep_alive)
        if not (self._lost or self._lingering):
            self._guarded(self._conversation.reassure)
            self._guarded(self._catch_up)

    def part(self, reason: str) -> None:
        self._why = self._why or reason
        if not (self._parting or self._run_over):
            self._parting = True
            self._guarded(self._conversation.end, reason)

    def abort(self, reason: str) -> None:
        if self._lost:
            if self._task is not None and not self._run_over:
                self._task.cancel()
            return
        self._lost = True
        self._why = self._why or reason
        self._unwatch()
        self._socket.close()
        self._output.clear()
        self._wake_waiters()
        if self._run_over:
            self._hall.leave(self, self._visit, self._why)
            return
        self._end_input()
        # A command that runs may finish (the store is in the middle of it), but not for ever.
        self._close_by_seconds = self._hall.clock.monotonic_seconds() + self._hall.settings.farewell_seconds

    # --- the conversation -------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            await self._conversation.run(self)
        except ConnectionError as error:
            self._why = self._why or str(error)
        except asyncio.CancelledError:
            self._why = self._why or "cancelled"
        except Exception as error:
            self._report("connection.conversation_failed", error)
        self._run_over = True
        if self._lost:
            self._hall.leave(self, self._visit, self._why)
            return
        self._why = self._why or "conversation over"
        self._guarded(self._send)

    def _keep_alive(self) -> None:
        self._conversation.keep_alive()
        self._send()

    def _catch_up(self) -> None:
        """What should never be needed: send what nobody drained, ask again for input."""
        if self._output.size_bytes and not self._writing:
            self._send()
        if not self._reading:
            self._read_on()

    def _end_input(self) -> None:
        if not self._input_over:
            self._input_over = True
            try:
                self._conversation.receive_eof()
            except Exception as error:
                self._hall.events.bug("connection.receive_failed", error, address=self.peer.address)

    # --- input ------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        try:
            if self._lingering:
                self._discard()
            else:
                self._read()
        except Exception as error:
            self._fail(error)

    def _read(self) -> None:
        self._sent_this_turn = 0
        buffer = self._hall.buffer
        room = len(buffer)
        for turn in range(READS_PER_TURN):
            if not self._may_read():
                if turn and not self._socket.pending():
                    break  # the conversation will have taken what came until the kernel tells of more
                self._stop_reading()
                return
            try:
                count: int = self._socket.read(room, buffer)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLWantWriteError:
                self._read_blocked = True
                self._watch_writable()
                break
            except ssl.SSLEOFError:
                self._end_of_input("connection cut")
                return
            if not count:
                self._end_of_input("client closed")
                return
            self._heard = True
            self._visit.bytes_in += count
            self._conversation.receive(buffer[:count])
            if count < RECORD_BYTES and not self._socket.pending():
                break
        if self._output.size_bytes and not self._writing:
            self._send()  # OpenSSL waited for input before it could write
        self._hall.loop.call_soon(self._acknowledge, self._visit.bytes_out)

    def _acknowledge(self, bytes_out: int) -> None:
        """Tell the client's kernel at once that its bytes came, when no answer does that.

        A client that sends a literal and its last CRLF in two writes without TCP_NODELAY (Python's imaplib) waits for
        this before the second one: 40 ms for every APPEND while our kernel delays it. Runs after the conversation had
        its turn, so a command that was answered costs nothing.
        """
        if QUICK_ACK is not None and self._visit.bytes_out == bytes_out and not self._lost:
            self._guarded(self._socket.setsockopt, socket.IPPROTO_TCP, QUICK_ACK, 1)

    def _may_read(self) -> bool:
        return (
            not self._input_over
            and not self._run_over
            and self._conversation.wants_input
            and self._output.size_bytes < self._high_water_bytes
        )

    def _read_on(self) -> None:
        """Watch for input again, if input is wanted now."""
        if self._reading or self._lost or not self._may_read():
            return
        self._reading = True
        self._hall.loop.add_reader(self._fd, self._on_readable)
        if self._socket.pending():  # decrypted already: the kernel will not tell
            self._hall.loop.call_soon(self._read_pending)

    def _read_pending(self) -> None:
        if self._reading and not self._lingering:
            self._on_readable()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._hall.loop.remove_reader(self._fd)

    def _end_of_input(self, reason: str) -> None:
        self._why = self._why or reason
        self._stop_reading()
        self._end_input()

    # --- output -----------------------------------------------------------------------------------

    def _on_writable(self) -> None:
        self._sent_this_turn = 0
        self._guarded(self._send)
        if self._read_blocked and not self._lost:
            self._read_blocked = False
            self._on_readable()

    def _send(self) -> None:
        """Send as much as the kernel takes now; the rest when it takes more."""
        output = self._output
        if self._lost or self._lingering:
            return
        write = self._socket.write
        try:
            while output.size_bytes:
                count = write(output.next_piece())
                output.advance(count)
                self._sent = True
                self._visit.bytes_out += count
                self._sent_this_turn += count
                if self._sent_this_turn >= SENT_PER_TURN_BYTES:
                    self._watch_writable()
                    break
        except ssl.SSLWantWriteError:
            self._watch_writable()
        except ssl.SSLWantReadError:  # never since renegotiation is gone; if it comes, the next read sends on
            self._stop_writing()
        if output.size_bytes < self._high_water_bytes:
            self._wake_waiters()
            if not self._reading:
                self._read_on()
        if not output.size_bytes:
            if self._writing:
                self._stop_writing()
            if self._run_over:
                self._depart()

    def _watch_writable(self) -> None:
        if not self._writing:
            self._writing = True
            self._hall.loop.add_writer(self._fd, self._on_writable)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._hall.loop.remove_writer(self._fd)

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    # --- time and the end -------------------------------------------------------------------------

    def _read_the_marks(self, now_seconds: float) -> None:
        if self._heard:
            self._heard = False
            self._heard_at_seconds = now_seconds
        if self._sent:
            self._sent = False
            self._sent_at_seconds = now_seconds
            self._stuck_since_seconds = None
            if self._output.size_bytes:
                self._heard_at_seconds = now_seconds  # a client that takes a long answer is not idle
        if not self._output.size_bytes:
            self._stuck_since_seconds = None
        elif self._stuck_since_seconds is None:
            self._stuck_since_seconds = now_seconds

    def _time_out(self, reason: str, now_seconds: float) -> None:
        self._close_by_seconds = now_seconds + self._hall.settings.farewell_seconds
        self.part(reason)

    def _depart(self) -> None:
        """Everything is sent: say close_notify, then wait until the client closes too."""
        self._unwatch()
        with contextlib.suppress(OSError, ValueError):  # best effort: a full or broken socket takes no farewell
            self._socket.unwrap()
        if self._input_over:
            self.abort(self._why)
            return
        self._lingering = True
        self._close_by_seconds = self._hall.clock.monotonic_seconds() + self._hall.settings.linger_seconds
        self._socket.shutdown(socket.SHUT_WR)  # also ends TLS here: what is read from now on is not decrypted
        self._reading = True
        self._hall.loop.add_reader(self._fd, self._on_readable)

    def _discard(self) -> None:
        for _ in range(READS_PER_TURN):
            if not self._socket.recv_into(self._hall.buffer):
                self.abort(self._why)
                return

    def _unwatch(self) -> None:
        self._stop_reading()
        self._stop_writing()

    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        """Do a step of a callback. Whatever it raises ends this connection and nothing else."""
        try:
            step(*arguments)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, BlockingIOError | InterruptedError):
            return
        if isinstance(error, ssl.SSLError):
            self.abort(f"TLS error: {error.reason or 'connection cut'}")
        elif isinstance(error, OSError):
            self.abort(f"connection lost: {error.strerror}")
        else:
            self._report("connection.callback_failed", error)
            self.abort(self._why)

    def _report(self, event: str, error: Exception) -> None:
        self._why = "error in the server"
        self._hall.events.bug(event, error, address=self.peer.address, port=self.peer.port)
