"""A Dovecot of our own beside Pillarbox: the peer of the differential tests and of bench/.

Runs Debian's dovecot-imapd from a folder of its own: own configuration, own certificate, own users, own mail,
loopback and TLS only. Must never: read or write /etc/dovecot, /run/dovecot, /var/mail or any other system path,
or end a process that it did not start.

Durability is Dovecot's default `mail_fsync = optimized` (Sync.OPTIMIZED): APPEND, COPY and EXPUNGE are synced before
the tagged OK, flag changes are not (Pillarbox syncs those too: where that makes it slower, it stays slower). With
`mail_fsync = always` (Sync.ALWAYS) flag changes are synced as well.
"""

from __future__ import annotations

import enum
import os
import pwd
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

import psutil  # type: ignore[import-untyped]  # ships no types
import trustme
from argon2 import PasswordHasher

START_SECONDS = 20.0


class Storage(enum.Enum):
    """How Dovecot keeps mail."""

    MDBOX = "mdbox"
    MAILDIR = "maildir"


class Scheme(enum.Enum):
    """How Dovecot's passwd file keeps passwords."""

    ARGON2ID = "ARGON2ID"
    PLAIN = "PLAIN"


class Sync(enum.Enum):
    """What Dovecot syncs to disk before it answers: its `mail_fsync`."""

    OPTIMIZED = "optimized"
    """Its default: new and expunged messages."""
    ALWAYS = "always"
    """Changed flags too, as Pillarbox does."""


class DovecotServer:
    """Dovecot on a loopback port, from `with` to the end of the block.

    `host`, `port` and `ca_file` say how to reach it. Users come with add_account(), at any time.
    """

    def __init__(
        self,
        *,
        storage: Storage = Storage.MDBOX,
        scheme: Scheme = Scheme.PLAIN,
        sync: Sync = Sync.OPTIMIZED,
        users: Sequence[tuple[str, str]] = (),
        folder: Path | None = None,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.storage = storage
        self.scheme = scheme
        self.sync = sync
        self._users = list(users)
        self._given_folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        binary = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if binary is None:
            raise RuntimeError("Dovecot is missing: apt-get install dovecot-imapd")
        self._binary = binary
        # The folder holds Unix sockets, whose path has to stay under 108 bytes: never below pytest's tmp_path.
        self.folder = self._given_folder or Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.ca_file = self.folder / "ca.pem"
        self.log_file = self.folder / "dovecot.log"
        self._make_certificate()
        self.port = _free_port(self.host)
        (self.folder / "users").touch()
        for name, password in self._users:
            self.add_account(name, password)
        (self.folder / "dovecot.conf").write_text(self._configuration())
        self._make_reachable()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._given_folder is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def process_id(self) -> int:
        """The master process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def processes(self) -> list[psutil.Process]:
        """The master and every process below it, for memory and CPU figures."""
        master = psutil.Process(self.process_id)
        return [master, *master.children(recursive=True)]

    def add_account(self, name: str, password: str) -> None:
        """Add a user; Dovecot sees it at the next login."""
        if self.scheme is Scheme.PLAIN:
            stored = "{PLAIN}" + password
        else:
            # argon2-cffi's defaults, as Pillarbox hashes: the same work for a login on both sides.
            stored = "{ARGON2ID}" + PasswordHasher().hash(password)
        with (self.folder / "users").open("a") as users:
            users.write(f"{name}:{stored}\n")

    def add_account_in_clear(self, name: str, password: str) -> None:
        """Add a user whose logins cost nothing."""
        with (self.folder / "users").open("a") as users:
            users.write(f"{name}:{{PLAIN}}{password}\n")

    def start(self) -> None:
        """Start it and wait until it greets. Raises RuntimeError with its log when it doesn't."""
        with (self.folder / "stderr.log").open("ab") as errors:
            self._process = subprocess.Popen(
                [self._binary, "-F", "-c", str(self.folder / "dovecot.conf")], stdout=errors, stderr=errors
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"Dovecot does not start:\n{self.log_text()}")

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9 of the master and all its processes, at once."""
        processes = self.processes()
        for process in processes:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=10)
        assert self._process is not None
        self._process.wait(10)

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port with the same mail."""
        self.stop()
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)
        self.start()

    def log_text(self) -> str:
        """What it logged and printed so far."""
        files = (self.folder / "stderr.log", self.log_file)
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def _make_certificate(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", self.host, key_type=trustme.KeyType.ECDSA)
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.private_key_pem.write_to_path(self.folder / "server.key")
        chain = self.folder / "server.pem"
        chain.unlink(missing_ok=True)
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(chain, append=True)

    def _make_reachable(self) -> None:
        """Let the unprivileged mail and login processes in."""
        for folder in ("run", "state", "mail"):
            (self.folder / folder).mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder / "mail", "mail", "mail")

    def _configuration(self) -> str:
        owner = pwd.getpwuid(os.getuid()).pw_name
        is_root = os.getuid() == 0
        location = {
            Storage.MDBOX: f"mdbox:{self.folder}/mail/%u",
            Storage.MAILDIR: f"maildir:{self.folder}/mail/%u:LAYOUT=fs",
        }[self.storage]
        return _CONFIGURATION.format(
            folder=self.folder,
            host=self.host,
            port=self.port,
            location=location,
            sync=self.sync.value,
            mail_user="mail" if is_root else owner,
            mail_group="mail" if is_root else str(os.getgid()),
            login_user="dovenull" if is_root else owner,
            internal_user="dovecot" if is_root else owner,
            internal_group="dovecot" if is_root else str(os.getgid()),
            chroot="login" if is_root else "",
        )


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


_CONFIGURATION = """
protocols = imap
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_login_user = {login_user}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
# Wide enough for the load and memory runs; nothing else is loosened.
default_client_limit = 8000
default_process_limit = 6000
mail_max_userip_connections = 0
mail_location = {location}
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
mail_fsync = {sync}
mdbox_rotate_size = 10M
namespace inbox {{
  inbox = yes
  separator = /
}}
ssl = required
ssl_min_protocol = TLSv1.2
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_cache_size = 0
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={folder}/mail/%u
}}
service imap-login {{
  chroot = {chroot}
  # "High-performance mode" of Dovecot's documentation: login processes serve many connections.
  service_count = 0
  process_min_avail = 2
  vsz_limit = 1G
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = {host}
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  # A process serves one connection after another: no fork per login.
  service_count = 1000
  process_limit = 6000
  process_min_avail = 2
  vsz_limit = 1G
}}
service auth {{
  client_limit = 20000
}}
service anvil {{
  chroot =
  client_limit = 20000
}}
service auth-worker {{
  user = {internal_user}
}}
service stats {{
  chroot =
}}
"""
