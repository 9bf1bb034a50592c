"""A Cyrus IMAP server of our own beside the others, from Debian's cyrus-imapd, in a folder of its own.

Runs as root only: Cyrus changes to its own user `cyrus` by itself. Debian doesn't install its imapd beside Dovecot's,
so these two programs are unpacked from the package into the folder. Its passwords are kept by SASL's own database,
which doesn't hash with Argon2, so its login rows say nothing of the others'. Sieve, conversations and search index are
off: what is left is the plain mail store. Must never: touch /etc/cyrus or /var/lib/cyrus, or end what it did not start.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil  # type: ignore[import-untyped]  # ships no types
import trustme

BINARIES: Final = Path("/usr/lib/cyrus/bin")
START_SECONDS: Final = 60.0


class CyrusUnavailable(Exception):
    """Why there is no Cyrus here; for people."""


class CyrusServer:
    """Cyrus on a loopback port, from `with` to the end of the block."""

    def __init__(self) -> None:
        self.host = "127.0.0.1"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not (BINARIES / "master").exists() or shutil.which("saslpasswd2", path="/usr/sbin") is None:
            raise CyrusUnavailable("not installed: apt-get install cyrus-common sasl2-bin libsasl2-modules-db")
        if os.getuid() != 0:
            raise CyrusUnavailable("it starts as root only")
        self.folder = Path(tempfile.mkdtemp(prefix="cyrus-"))
        self.folder.chmod(0o755)
        self.ca_file = self.folder / "ca.pem"
        with socket.create_server((self.host, 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self._make_certificate()
        for name in ("lib", "spool", "run"):
            (self.folder / name).mkdir()
        paths = {
            "folder": self.folder,
            "host": self.host,
            "port": self.port,
            "binaries": BINARIES,
            "programs": self._programs(),
        }
        (self.folder / "imapd.conf").write_text(_IMAPD.format(**paths))
        (self.folder / "cyrus.conf").write_text(_MASTER.format(**paths))
        subprocess.run([str(BINARIES / "makedirs"), str(self.folder / "imapd.conf")], check=True, capture_output=True)
        self._own()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def process_id(self) -> int:
        """The master process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def add_account(self, name: str, password: str) -> None:
        """`name` is user@domain. Its INBOX is made at the first login."""
        user, _, domain = name.partition("@")
        command = ["/usr/sbin/saslpasswd2", "-p", "-c", "-f", str(self.folder / "sasldb2"), "-u", domain, user]
        subprocess.run(command, input=password.encode(), check=True, capture_output=True)
        self._own()

    def start(self) -> None:
        """Start it and wait until it greets. Raises RuntimeError with its log when it doesn't."""
        command = [
            str(BINARIES / "master"),
            "-C",
            str(self.folder / "imapd.conf"),
            "-M",
            str(self.folder / "cyrus.conf"),
        ]
        command += ["-p", str(self.folder / "run" / "master.pid")]
        with (self.folder / "stderr.log").open("ab") as errors:
            self._process = subprocess.Popen(command, stdout=errors, stderr=errors)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"Cyrus does not start:\n{(self.folder / 'stderr.log').read_text(errors='replace')}")

    def stop(self) -> None:
        """Stop it in order, and what is left of it without."""
        if self._process is None or self._process.poll() is not None:
            return
        everybody = [*psutil.Process(self._process.pid).children(recursive=True), psutil.Process(self._process.pid)]
        self._process.send_signal(signal.SIGQUIT)
        _, left = psutil.wait_procs(everybody, timeout=10)
        for process in left:
            process.kill()
        self._process.wait(10)

    def restart(self) -> None:
        """Stop and start on the same port with the same mail."""
        self.stop()
        self.start()

    def _programs(self) -> Path:
        """Where imapd and idled are, installed or unpacked. Raises CyrusUnavailable."""
        if (BINARIES / "imapd").exists():
            return BINARIES
        try:
            subprocess.run(["apt-get", "download", "cyrus-imapd"], cwd=self.folder, check=True, capture_output=True)
            (package,) = self.folder.glob("cyrus-imapd_*.deb")
            subprocess.run(["dpkg", "-x", str(package), str(self.folder / "package")], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            raise CyrusUnavailable(f"its imapd can't be fetched: {error}") from error
        return self.folder / "package" / BINARIES.relative_to("/")

    def _own(self) -> None:
        subprocess.run(["chown", "-R", "cyrus:mail", str(self.folder)], check=True)

    def _make_certificate(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", self.host, key_type=trustme.KeyType.ECDSA)
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.private_key_pem.write_to_path(self.folder / "server.key")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(self.folder / "server.pem", append=True)


_IMAPD = """
configdirectory: {folder}/lib
partition-default: {folder}/spool
defaultpartition: default
idlesocket: {folder}/run/idle
lmtpsocket: {folder}/run/lmtp
notifysocket: {folder}/run/notify
admins: cyrus
virtdomains: userid
defaultdomain: localhost
unixhierarchysep: yes
altnamespace: yes
autocreate_post: yes
autocreate_quota: 0
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
tls_server_cert: {folder}/server.pem
tls_server_key: {folder}/server.key
tls_versions: tls1_2 tls1_3
conversations: no
maxlogins_per_user: 0
maxlogins_per_host: 0
imapidlepoll: 1
"""

_MASTER = """
START {{
  recover cmd="{binaries}/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imaps cmd="{programs}/imapd -C {folder}/imapd.conf -s -U 100" listen="{host}:{port}" prefork=2 maxchild=2000
}}
EVENTS {{
}}
DAEMON {{
  idled cmd="{programs}/idled -C {folder}/imapd.conf"
}}
"""
