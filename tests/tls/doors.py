"""A real `pillarbox serve` with two workers and every door that speaks TLS, each at a port that the kernel chose."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from cryptography import x509

from tests.servers.pillarbox_server import PillarboxServer

PATIENCE_SECONDS = 60.0
"""A test that waits for longer hangs."""
WORKERS = 2
ACCOUNT, PASSWORD = "anna@example.org", "as long as it is wide"

CONFIGURATION = """
listen_starttls = ["127.0.0.1:0"]
{root}
[web]
listen = ["127.0.0.1:0"]
[managesieve]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]
[lmtp]
listen = ["127.0.0.1:0"]
[client_setup]
domains = ["example.org"]
imap_host = "localhost"
[log]
style = "json"
[auth]
argon2_memory_kib = 8192
argon2_passes = 1
argon2_lanes = 1
[tls]
{tls}
"""

PROTOCOLS = {"imap": "imap", "web": "http/1.1", "sieve": "managesieve", "lmtp": ""}
"""Doors with TLS from the first byte, and their ALPN."""


class Doors:
    """The server, and where its doors are."""

    def __init__(self, server: PillarboxServer, ports: dict[str, int]) -> None:
        self.server = server
        self.ports = ports

    def shown(self, door: str, name: str | None) -> x509.Certificate:
        """What a new client of a door sees that asks for `name`; after a whole handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if PROTOCOLS[door]:
            context.set_alpn_protocols([PROTOCOLS[door]])
        with (
            socket.create_connection(("127.0.0.1", self.ports[door]), PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            assert secured.selected_alpn_protocol() == (PROTOCOLS[door] or None)
            seen = secured.getpeercert(binary_form=True)
            assert seen is not None
            return x509.load_der_x509_certificate(seen)

    def wait_for_workers(self, event: str, **fields: object) -> None:
        """That event in every worker."""
        for worker in range(WORKERS):
            self.wait_for(event, worker=worker, **fields)

    def wait_for(self, event: str, count: int = 1, **fields: object) -> list[dict[str, object]]:
        """So many events of that name with these fields, from the beginning of the log."""
        command = ["tail", "-n", "+1", "-F", str(self.server.stderr_file)]
        found: list[dict[str, object]] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
            assert tail.stdout is not None
            lines: queue.Queue[str] = queue.Queue()
            stdout = tail.stdout
            threading.Thread(target=lambda: [lines.put(line) for line in stdout], daemon=True).start()
            try:
                while len(found) < count:
                    line = lines.get(timeout=PATIENCE_SECONDS)
                    said = json.loads(line) if line.startswith("{") else {"event": ""}
                    if said["event"] == event and fields.items() <= said.items():
                        found.append(said)
                return found
            except queue.Empty:
                raise AssertionError(f"no {event} {fields}: {self.server.stderr()}") from None
            finally:
                tail.kill()


@contextmanager
def doors(folder: Path, root: str = "", tls: str = "") -> Iterator[Doors]:
    """All doors open, one account."""
    config = folder / "pillarbox.toml"
    config.write_text(CONFIGURATION.format(root=root, tls=tls))
    with PillarboxServer(folder / "data", config=config, workers=WORKERS) as server:
        running = Doors(server, {"imap": server.port})
        [web], [starttls] = running.wait_for("web.ready"), running.wait_for("starttls.ready")
        [lmtp], [sieve] = running.wait_for("lmtp.ready"), running.wait_for("managesieve.ready")
        upgraded, secured = (int(where.rpartition(":")[2]) for where in str(sieve["where"]).split())
        running.ports |= {
            "web": int(str(web["port"])),
            "starttls": int(str(starttls["where"]).rpartition(":")[2]),
            "lmtp": int(str(lmtp["where"]).rpartition(":")[2]),
            "sieve": secured,
            "sieve starttls": upgraded,
        }
        yield running


def put_certificate(folder: Path, authority: trustme.CA, *names: str) -> x509.Certificate:
    """A new pair as ACME clients leave it, each file replaced at once: certificate.pem and key.pem."""
    made = authority.issue_cert(*names)
    folder.mkdir(parents=True, exist_ok=True)
    chain = b"".join(each.bytes() for each in made.cert_chain_pems)
    for name, content in (("key.pem", made.private_key_pem.bytes()), ("certificate.pem", chain)):
        (folder / f".{name}").write_bytes(content)
        (folder / f".{name}").chmod(0o600)
        (folder / f".{name}").replace(folder / name)
    return x509.load_pem_x509_certificate(chain)
