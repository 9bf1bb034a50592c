"""Writes down what a client and the server say to each other, for finding out what went wrong; knows who idles.

A TLS-ending proxy with a certificate of its own, so it is used only when asked for (`INTEROP_WIRE_LOG=FOLDER`) and
where a test must know what its client does; without it clients talk to the server itself.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import trustme

from .account import Account

PIECE_BYTES = 65_536
PATIENCE_SECONDS = 60.0


class Reading(Protocol):
    """Turns what went over the wire into text, RFC 4978 COMPRESS or not."""

    def decompress(self, data: bytes, /) -> bytes: ...


class _Plain:
    def decompress(self, data: bytes, /) -> bytes:
        return data


class WireTap:
    """Stands between one account's clients and the server; `account` is the way in through it."""

    def __init__(self, account: Account, log_file: Path, folder: Path) -> None:
        authority = trustme.CA()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", "127.0.0.1", common_name="localhost").configure_cert(self._context)
        ca_file = folder / "wire-tap-ca.pem"
        authority.cert_pem.write_to_path(ca_file)
        self._server = account
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = int(self._listener.getsockname()[1])
        self.account = Account(account.host, port, ca_file, account.user, account.password)
        self.log_file = log_file
        self._log = log_file.open("w", encoding="utf-8")
        self._writing = threading.Condition()
        self._idling: set[int] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._writing:
            self._log.close()

    def wait_until_idling(self) -> None:
        """Until a connection of the client is in IDLE. Raises AssertionError when none comes to it."""
        with self._writing:
            assert self._writing.wait_for(lambda: self._idling, PATIENCE_SECONDS), "the client doesn't idle"

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                raw_client, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._serve, args=(raw_client, number), daemon=True).start()

    def _serve(self, raw_client: socket.socket, number: int) -> None:
        try:
            client = self._context.wrap_socket(raw_client, server_side=True)
            raw_server = socket.create_connection((self._server.host, self._server.port))
            server = self._server.tls().wrap_socket(raw_server, server_hostname=self._server.host)
        except OSError as trouble:
            self._note(number, "--", f"{trouble}".encode())
            raw_client.close()
            return
        self._note(number, "--", f"connected with {client.version()}".encode())
        try:
            self._pass_on(client, server, number)
        except OSError as trouble:
            self._note(number, "--", f"{trouble}".encode())
        finally:
            client.close()
            server.close()

    def _pass_on(self, client: ssl.SSLSocket, server: ssl.SSLSocket, number: int) -> None:
        """One thread for both ways: two threads on one TLS socket crash the interpreter."""
        asked: bytes | None = None
        reading: dict[str, Reading] = {"C:": _Plain(), "S:": _Plain()}
        while True:
            waiting = [client, server]
            if not any(end.pending() for end in waiting):
                waiting, _, _ = select.select(waiting, [], [])
            for source, target, who in ((client, server, "C:"), (server, client, "S:")):
                if source not in waiting and not source.pending():
                    continue
                source.setblocking(False)
                try:
                    data = source.recv(PIECE_BYTES)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                finally:
                    source.setblocking(True)
                if not data:
                    self._note(number, "--", f"{who} has closed".encode())
                    return
                text = reading[who].decompress(data)
                target.sendall(data)
                self._note(number, who, text)
                if re.search(rb"^\S+ COMPRESS DEFLATE\r\n", text) and who == "C:":
                    asked = text.split()[0]
                elif who == "S:" and asked is not None and text.startswith(asked + b" OK"):
                    reading, asked = {"C:": zlib.decompressobj(-15), "S:": zlib.decompressobj(-15)}, None

    def _note(self, number: int, who: str, data: bytes) -> None:
        with self._writing:
            if self._log.closed:
                return
            for line in data.splitlines():
                if who == "S:" and line.startswith(b"+ idling"):
                    self._idling.add(number)
                elif who != "S:":
                    self._idling.discard(number)
                self._log.write(f"{number} {who} {line.decode(errors='backslashreplace')}\n")
            self._log.flush()
            self._writing.notify_all()
