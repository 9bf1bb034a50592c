"""A directory like pebble's that offers renewal information too (RFC 9773), which Debian's pebble does not have yet."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.acme.pebble import Pebble


class Suggesting:
    """What it answers, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answer: dict[str, Any] | None = None
        """None: an error of the server."""
        self.retry_after = "3600"
        self.asked: list[str] = []


@contextmanager
def suggesting(authority: Pebble, folder: Path) -> Iterator[Suggesting]:
    """It has the certificate of pebble."""
    context = ssl.create_default_context(cafile=str(authority.ca_path))
    with urllib.request.urlopen(authority.directory_url, timeout=60, context=context) as answer:
        directory = json.load(answer)
    told = Suggesting()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/dir":
                self._say(200, directory | {"renewalInfo": f"{told.url}/info"})
                return
            told.asked.append(self.path)
            self._say(500 if told.answer is None else 200, told.answer or {})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", told.retry_after)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
