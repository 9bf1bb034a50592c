"""mbsync, a real client, fetching a mailbox into a Maildir: the first time, and again with nothing new."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench.client import Peer
from bench.peers import LOGIN

CONFIGURATION = """
IMAPAccount far
Host {host}
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {ca_file}

IMAPStore far
Account far

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel it
Far :far:{mailbox}
Near :near:{mailbox}
Create Near
Expunge None
Sync Pull
SyncState *
"""


def fetch_twice(server: Peer, mailbox: str) -> tuple[float, float]:
    """Seconds of the first run and of the second."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mail").mkdir()
        text = CONFIGURATION.format(
            host="localhost",
            port=server.port,
            user=LOGIN[0],
            password=LOGIN[1],
            ca_file=server.ca_file,
            folder=folder,
            mailbox=mailbox,
        )
        config = Path(folder) / "mbsyncrc"
        config.write_text(text)
        config.chmod(0o600)
        first, again = (_run(config, folder) for _ in range(2))
        return first, again


def _run(config: Path, folder: str) -> float:
    begun = time.perf_counter()
    subprocess.run(
        ["mbsync", "-q", "-c", str(config), "it"],
        env=os.environ | {"HOME": folder},
        check=True,
        capture_output=True,
        timeout=600,
    )
    return time.perf_counter() - begun
