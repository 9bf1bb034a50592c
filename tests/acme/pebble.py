"""Debian's `pebble`, an ACME server for tests, beside `pebble-challtestsrv`, whose DNS leads every name here.

Both end with the `with` block. Ports come from below those that the kernel gives out, so that no other test is given
one of them between the choice and the use.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

PATIENCE_SECONDS = 60.0
KEY_ID, MAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

HOOK = """\
import json, sys, urllib.request
what, record, text = sys.argv[2:]
verb = {"present": "set-txt", "cleanup": "clear-txt"}[what]
asked = json.dumps({"host": record + ".", "value": text}).encode()
urllib.request.urlopen(sys.argv[1] + verb, asked, 30).read()
"""


@dataclass(frozen=True, slots=True)
class Pebble:
    """One that runs."""

    directory_url: str
    ca_path: Path
    """Vouches for its HTTPS."""
    management_url: str
    names_url: str
    """Of the DNS server's management."""
    http_port: int
    """It comes there for HTTP-01."""
    tls_port: int
    """And there for TLS-ALPN-01."""
    folder: Path

    def hook(self) -> tuple[str, ...]:
        """For `acme.dns_hook`."""
        path = self.folder / "hook.py"
        path.write_text(HOOK)
        return (sys.executable, str(path), self.names_url)

    def lead(self, name: str, address: str) -> None:
        """The DNS has this address for a name."""
        _fetch(self.names_url + "add-a", json.dumps({"host": name + ".", "addresses": [address]}).encode())

    def root(self) -> str:
        """Who vouches for what it issues, PEM."""
        return self._get("roots/0").decode()

    def status(self, serial: str) -> str:
        """Of a certificate: Valid or Revoked."""
        return str(json.loads(self._get(f"cert-status-by-serial/{serial}"))["Status"])

    def _get(self, path: str) -> bytes:
        return _fetch(f"{self.management_url}{path}", None, ssl.create_default_context(cafile=str(self.ca_path)))


def _fetch(url: str, data: bytes | None, context: ssl.SSLContext | None = None) -> bytes:
    with urllib.request.urlopen(url, data, PATIENCE_SECONDS, context=context) as answer:
        return bytes(answer.read())


@contextlib.contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Ports of 127.0.0.1 that nothing uses, and that nobody else is given meanwhile.

    Sockets hold them that do not listen, which lets others with SO_REUSEADDR bind and listen.
    """
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            port = random.randrange(20_000, 32_000)
            with contextlib.suppress(OSError):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("0.0.0.0", port))
                holder = stack.enter_context(socket.socket())
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind(("127.0.0.1", port))
                found.append(port)
        yield found


@contextlib.contextmanager
def pebble(folder: Path, *, wants_binding: bool = False) -> Iterator[Pebble]:
    """Run it, with its DNS."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    stack = contextlib.ExitStack()
    directory, management, http, tls, names, names_management = stack.enter_context(free_ports(6))
    settings: dict[str, object] = {
        "listenAddress": f"127.0.0.1:{directory}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "server.pem"),
        "privateKey": str(folder / "server.pem"),
        "httpPort": http,
        "tlsPort": tls,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": wants_binding,
    }
    if wants_binding:
        settings["externalAccountMACKeys"] = {KEY_ID: MAC_KEY}
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    dns = ["-dns01", f"127.0.0.1:{names}", "-management", f"127.0.0.1:{names_management}", "-defaultIPv6", ""]
    others = ["-http01", "", "-https01", "", "-tlsalpn01", ""]
    commands = (
        ["pebble-challtestsrv", *dns, *others],
        ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{names}"],
    )
    with stack:
        log = stack.enter_context((folder / "pebble.log").open("w"))
        for command in commands:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            stack.callback(process.wait, PATIENCE_SECONDS)
            stack.callback(process.kill)
        for port in (directory, management, names_management):
            _wait_for(port, folder / "pebble.log")
        yield Pebble(
            f"https://127.0.0.1:{directory}/dir",
            folder / "ca.pem",
            f"https://127.0.0.1:{management}/",
            f"http://127.0.0.1:{names_management}/",
            http,
            tls,
            folder,
        )


def _wait_for(port: int, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.02)
