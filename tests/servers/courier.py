"""Courier IMAP from Debian with accounts to log in to, as an old server to move away from.

Its programs are those of tests/check/courier.py, unpacked and never installed. Courier finds its accounts through a
daemon at a fixed path below /run and settings below /etc; so all of it runs in a mount namespace of its own, where
small folders of ours stand in those places. PAM lets everybody in with any password. Needs root, as CI has it.

Must never: change a system path outside that namespace, or end a process that it did not start.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.check.courier import unpacked

_UID = 4321
_START_SECONDS = 20.0
_SCRIPT = """
set -e
mount --bind {folder}/etc /etc
mount -t tmpfs tmpfs /run
mkdir -p /run/courier/authdaemon
mount -t overlay overlay -o lowerdir={root}/usr/lib:/usr/lib /usr/lib
export LD_LIBRARY_PATH={root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib
{root}/usr/lib/courier/courier-authlib/authdaemond &
exec {root}/usr/sbin/couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup -maxprocs=100 -maxperip=100 {port} \
    {root}/usr/bin/couriertls -server -tcpd {root}/usr/lib/courier/courier/imaplogin {root}/usr/bin/imapd Maildir
"""


class CourierServer:
    """Courier on a loopback port, from `with` to the end of the block. `host`, `port`, `ca_file`: how to reach it."""

    def __init__(self, users: Sequence[str]) -> None:
        self.host = "127.0.0.1"
        self._users = users

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="courier-"))
        self.folder.chmod(0o755)
        self.ca_file = self.folder / "ca.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert("localhost", self.host).private_key_and_cert_chain_pem.write_to_path(
            self.folder / "server.pem"
        )
        root = self.folder / "root"
        shutil.copytree(unpacked(), root, symlinks=True)
        self._make_etc(root)
        with socket.create_server((self.host, 0)) as listener:
            self.port = int(listener.getsockname()[1])
        environment = {
            "PATH": os.environ["PATH"],
            "TLS_CERTFILE": str(self.folder / "server.pem"),
            "TLS_VERIFYPEER": "NONE",
            "IMAP_TLS": "1",
            "IMAP_STARTTLS": "NO",
            "IMAP_USELOCKS": "0",  # else each command waits a second for a daemon that is not there
            "IMAP_ENHANCEDIDLE": "0",
            "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE",
            "IMAP_CAPABILITY_TLS": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE AUTH=PLAIN",
        }
        script = _SCRIPT.format(folder=self.folder, root=root, port=self.port)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", script], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_etc(self, root: Path) -> None:
        etc = self.folder / "etc"
        shutil.copytree(root / "etc" / "courier", etc / "courier")
        (etc / "pam.d").mkdir()
        for name in ("ld.so.cache", "ld.so.conf", "nsswitch.conf", "hosts"):
            if (Path("/etc") / name).exists():
                shutil.copy(Path("/etc") / name, etc / name)
        (etc / "pam.d" / "imap").write_text("auth required pam_permit.so\naccount required pam_permit.so\n")
        (etc / "courier" / "authdaemonrc").write_text(
            'authmodulelist="authpam"\nauthmodulelistorig="authpam"\ndaemons=2\n'
            "authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\n"
        )
        people = ["root:x:0:0:root:/root:/bin/sh\n"]
        for user in self._users:
            home = self.folder / "home" / user
            for part in ("cur", "new", "tmp"):
                (home / "Maildir" / part).mkdir(parents=True)
            for path in (home, *home.rglob("*")):
                os.chown(path, _UID, _UID)
            people.append(f"{user}:x:{_UID}:{_UID}::{home}:/bin/false\n")
        (etc / "passwd").write_text("".join(people))
        (etc / "group").write_text(f"root:x:0:\nmail:x:{_UID}:\n")
        (etc / "shadow").write_text("".join(f"{user}:*:19000:0:99999:7:::\n" for user in self._users))

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"Courier does not start:\n{(self.folder / 'log').read_text(errors='replace')}")
