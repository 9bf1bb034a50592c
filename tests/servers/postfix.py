"""A Postfix of our own that hands everything for its domain to an LMTP socket.

Runs Debian's postfix from a folder of its own: own configuration, own queue, own log, loopback only. Must never:
read or write the system's configuration or queue, or end a process that it did not start. Needs root: that is how
Postfix is built.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 60.0


class PostfixServer:
    """Postfix on a loopback port, from `with` to the end of the block."""

    def __init__(self, domain: str, transport: str, *, processes: int = 8) -> None:
        """`transport` is a value for virtual_transport, such as `lmtp:unix:/path`; `processes` deliver at once."""
        self.host = "127.0.0.1"
        self.port = 0
        self._domain = domain
        self._transport = transport
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        assert shutil.which("postfix", path="/usr/sbin:/usr/bin"), "Postfix is missing: apt-get install postfix"
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        self.log_file = self.folder / "mail.log"
        with socket.create_server((self.host, 0)) as listener:
            self.port = int(listener.getsockname()[1])
        for name in ("conf", "queue", "data"):
            (self.folder / name).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", "postfix")
        values = {
            "folder": self.folder,
            "port": self.port,
            "domain": self._domain,
            "transport": self._transport,
            "processes": self._processes,
        }
        (self.folder / "conf" / "main.cf").write_text(_MAIN.format(**values))
        (self.folder / "conf" / "master.cf").write_text(_MASTER.format(**values))
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder / "conf", "stop"], capture_output=True, check=False)
        if self._process is not None:
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def flush(self) -> None:
        """Try again at once what was put off."""
        subprocess.run(["/usr/sbin/postqueue", "-c", self.folder / "conf", "-f"], capture_output=True, check=True)

    def log(self) -> str:
        """What it logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def queued(self) -> int:
        """Messages that are not done with."""
        folders = ("maildrop", "incoming", "active", "deferred")
        return sum(1 for name in folders for path in (self.folder / "queue" / name).rglob("*") if not path.is_dir())

    def accounts(self) -> dict[str, Counter[tuple[str, str]]]:
        """By status (sent, deferred, bounced): how often Postfix noted it for (Message-ID, recipient)."""
        log = self.log()
        named = dict(re.findall(r"cleanup\[\d+\]: ([0-9A-Za-z]+): message-id=<([^>]*)>", log))
        noted: dict[str, Counter[tuple[str, str]]] = {status: Counter() for status in ("sent", "deferred", "bounced")}
        for queue_id, recipient, status in re.findall(
            r"lmtp\[\d+\]: ([0-9A-Za-z]+): to=<([^>]*)>,.*? status=(\w+)", log
        ):
            noted[status][named[queue_id], recipient] += 1
        return noted

    def _start(self) -> None:
        with (self.folder / "stderr.log").open("ab") as said:
            self._process = subprocess.Popen(
                ["/usr/sbin/postfix", "-c", self.folder / "conf", "start-fg"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), timeout=5) as probe:
                    probe.settimeout(30)
                    if probe.recv(4) == b"220 ":
                        return
            except OSError:
                time.sleep(0.05)
        said_text = (self.folder / "stderr.log").read_text(errors="replace")
        raise RuntimeError(f"Postfix does not start:\n{said_text}\n{self.log()}")


_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:all
virtual_transport = {transport}
virtual_destination_recipient_limit = 50
lmtp_destination_recipient_limit = 50
smtputf8_enable = no
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
message_size_limit = 100000000
mailbox_size_limit = 0
# A peer that comes back is found again at once.
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
transport_retry_time = 1s
bounce_queue_lifetime = 1d
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - 20 smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - {processes} lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
