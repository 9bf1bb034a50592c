"""Courier IMAP from Debian as a peer: its real couriertcpd, couriertls (GnuTLS) and imaplogin on a loopback port.

Debian's courier-imap conflicts with dovecot-imapd, the peer of other tests; so its packages are fetched with apt and
unpacked beside the tests' own files, never installed. Without a login no system path is read but its libraries'.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGES = ("courier-imap", "courier-base", "courier-authlib", "libcourier-unicode4", "libgamin0")
_KEPT = Path(__file__).parents[2] / ".venv" / "courier"
_START_SECONDS = 10.0


def unpacked() -> Path:
    """The folder that holds Courier's files; fetched once."""
    if not _KEPT.exists():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fetch = ["apt-get", "download", "-qq", *_PACKAGES]
            if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode != 0:
                subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=True)
                subprocess.run(fetch, cwd=folder, capture_output=True, check=True)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
            shutil.copytree(folder / "root", _KEPT, symlinks=True)
    return _KEPT


@contextmanager
def courier(certificate: Path, *, priority: str | None = None) -> Iterator[int]:
    """IMAPS on 127.0.0.1; yields the port. `priority` is GnuTLS's word for versions and suites."""
    root = unpacked()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    libraries = (root / "usr/lib/x86_64-linux-gnu", root / "usr/lib")
    environment = {
        "PATH": os.environ["PATH"],
        "LD_LIBRARY_PATH": ":".join(str(each) for each in libraries),
        "TLS_CERTFILE": str(certificate),
        "TLS_VERIFYPEER": "NONE",
        "TLS_STARTTLS_PROTOCOL": "",
        "IMAP_TLS": "1",
        "IMAP_STARTTLS": "NO",
        "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE",
        **({} if priority is None else {"TLS_PRIORITY": priority}),
    }
    words = [
        root / "usr/sbin/couriertcpd", "-address=127.0.0.1", "-nodnslookup", "-noidentlookup", "-maxprocs=100",
        "-maxperip=100", str(port), root / "usr/bin/couriertls", "-server", "-tcpd",
        root / "usr/lib/courier/courier/imaplogin", root / "usr/bin/imapd", "Maildir",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("Courier does not start")
