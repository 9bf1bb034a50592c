"""OpenSSL's own server, set to speak what no server should: old versions, weak suites."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def openssl_server(certificate: Path, *options: str) -> Iterator[int]:
    """`openssl s_server` on 127.0.0.1; yields the port. It says nothing inside TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate), "-key", str(certificate)]
    process = subprocess.Popen(
        [*words, "-quiet", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        else:
            raise AssertionError("openssl s_server does not start")
        yield port
    finally:
        process.kill()
        process.communicate()
