"""A server behind a load balancer: throttles and logs know the client, not the balancer."""

from __future__ import annotations

import imaplib
import socket
import time
from pathlib import Path

from tests.servers.pillarbox_server import PillarboxServer
from tests.tls.doors import ACCOUNT, PASSWORD, PATIENCE_SECONDS, Doors, doors

FAILURES = 12
"""More than an address may have in a row here."""


class Proxied(imaplib.IMAP4):
    """imaplib through a balancer that sends a header first."""

    def __init__(self, running: Doors, door: str, client: str) -> None:
        self._running = running
        self._client = client
        super().__init__("localhost", running.ports[door], PATIENCE_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        plain.sendall(f"PROXY TCP4 {self._client} 127.0.0.1 40000 993\r\n".encode())
        if self.port == self._running.ports["starttls"]:
            return plain
        return self._running.server.client_context().wrap_socket(plain, server_hostname="localhost")


def _listed(server: PillarboxServer, text: str) -> str:
    """What `logins list` says once that is in it: decisions are written down a moment after they were made."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while text not in (said := server.command("logins", "list", "--json")):
        assert time.monotonic() < give_up, said
    return said


def test_logins_are_judged_and_logged_by_the_client_s_address(tmp_path: Path) -> None:
    throttle = f"[auth.throttle]\nfailures_per_address = {FAILURES // 4}"
    with doors(tmp_path, 'proxy_from = ["127.0.0.1"]', throttle) as running:
        running.server.add_account(ACCOUNT, PASSWORD)
        refused = []
        for _ in range(FAILURES):
            client = Proxied(running, "imap", "192.0.2.66")
            try:
                client.login(f"guess{len(refused)}@example.org", "wrong")
            except imaplib.IMAP4.error as error:
                refused.append(str(error))
            client.shutdown()
        assert "Too many failed logins" in refused[-1]
        running.wait_for("login.denied", len(refused), address="192.0.2.66")
        for door in ("imap", "starttls"):  # others behind the same balancer are not held up
            client = Proxied(running, door, "192.0.2.7")
            if door == "starttls":
                client.starttls(running.server.client_context())
            assert client.login(ACCOUNT, PASSWORD)[0] == "OK"
            client.logout()
        running.wait_for("login.granted", 2, address="192.0.2.7")
        running.wait_for("connection.ended", 2, address="192.0.2.7", port=40000)
        assert '"address": "127.0.0.1"' not in running.server.stderr()
        config = running.server.config
        assert config is not None
        config.write_text(config.read_text().replace('["127.0.0.1"]', '["nowhere"]'))
        running.server.reload()  # a mistake changes nothing
        [told] = running.wait_for("settings.not_reloaded")
        assert told["error"] == 'proxy_from: "nowhere" is neither an address nor a network such as 192.0.2.0/24'
        listed = _listed(running.server, '"192.0.2.66"')
        assert '"127.0.0.1"' not in listed
