"""A real `pillarbox serve` with its HTTPS port."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from pillarbox.web.dns_records import spki_sha256
from tests.servers.pillarbox_server import PillarboxServer

PATIENCE_SECONDS = 30.0
"""A test that waits for longer hangs."""

CONFIGURATION = """
[web]
listen = ["127.0.0.1:{port}"]
[client_setup]
domains = ["example.org"]
imap_host = "localhost"
smtp_host = "smtp.example.org"
[log]
style = "json"
[tls]
{tls}
"""


class WebbedServer:
    """The server and how to talk to its HTTPS port."""

    def __init__(self, server: PillarboxServer, port: int) -> None:
        self.server = server
        self.port = port

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def fetch(self, target: str, method: str = "GET", body: bytes | None = None) -> http.client.HTTPResponse:
        """Over verified TLS."""
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=self.server.client_context(), timeout=20
        )
        connection.request(method, target, body)
        return connection.getresponse()

    def certificate(self) -> x509.Certificate:
        """What a new connection is shown."""
        return x509.load_pem_x509_certificate(ssl.get_server_certificate(("localhost", self.port)).encode())

    @property
    def key_hash(self) -> bytes:
        return bytes.fromhex(spki_sha256(self.certificate()))

    def wait_for(self, event: str, count: int = 1) -> None:
        """Until the log has had so many events of that name."""
        command = ["tail", "-n", "+1", "-f", str(self.server.stderr_file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
            assert tail.stdout is not None
            timer = threading.Timer(PATIENCE_SECONDS, tail.kill)
            timer.start()
            try:
                for line in tail.stdout:
                    if line.startswith("{") and json.loads(line)["event"] == event:
                        count -= 1
                    if not count:
                        return
                raise AssertionError(f"no {event}: {self.server.stderr()}")
            finally:
                timer.cancel()
                tail.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def webbed_server(folder: Path, workers: int = 1, tls: str = "") -> Iterator[WebbedServer]:
    port = free_port()
    config = folder / "pillarbox.toml"
    config.write_text(CONFIGURATION.format(port=port, tls=tls))
    with PillarboxServer(folder / "data", config=config, workers=workers) as server:
        yield WebbedServer(server, port)
