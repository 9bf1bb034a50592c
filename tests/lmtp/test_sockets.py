"""LMTP as mail servers meet it: a real server, its Unix socket, loopback and TLS, with one worker and two."""

from __future__ import annotations

import imaplib
import shutil
import socket
import ssl
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.cli.commands import CHEAP_HASHES
from tests.lmtp.client import LmtpClient
from tests.servers.pillarbox_server import PillarboxServer, ServerTrouble

LETTER = b"Subject: x\r\n\r\nhello\r\n"
LIMIT_BYTES = 1_000_000
PASSWORD = "correct horse battery"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Site:
    server: PillarboxServer
    path: Path
    tls_port: int
    plain_port: int
    authority: trustme.CA

    def secured(self) -> LmtpClient:
        """As a mail server with a certificate of the right authority."""
        context = ssl.create_default_context(cafile=str(self.server.ca_file))
        self.authority.issue_cert("mx.example.org").configure_cert(context)
        return LmtpClient(("127.0.0.1", self.tls_port), context)

    def count(self, mailbox: str = "INBOX") -> int:
        server = self.server
        with imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.client_context()) as client:
            client.login("alice", PASSWORD)
            _, answer = client.select(mailbox, readonly=True)
            return int(answer[0] or 0)


@pytest.fixture(scope="module", params=[1, 2])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="lmtp-"))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "clients.pem")
    path, tls_port, plain_port = folder / "lmtp.sock", free_port(), free_port()
    (folder / "pillarbox.toml").write_text(
        f'{CHEAP_HASHES}[store]\nmax_message_bytes = {LIMIT_BYTES}\n[lmtp]\nsocket_path = "lmtp.sock"\n'
        f'listen = ["127.0.0.1:{tls_port}"]\nlisten_plain = ["127.0.0.1:{plain_port}"]\n'
        'client_authority_path = "clients.pem"\nserver_name = "mail.example.org"\n'
    )
    with PillarboxServer(config=folder / "pillarbox.toml", workers=request.param) as server:
        server.add_account("alice", PASSWORD)
        yield Site(server, path, tls_port, plain_port, authority)
    shutil.rmtree(folder)


def test_every_door_delivers(site: Site) -> None:
    before = site.count()
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o660
    doors = (lambda: LmtpClient(site.path), lambda: LmtpClient(("127.0.0.1", site.plain_port)), site.secured)
    for number in range(6):
        with doors[number % 3]() as client:
            assert client.greeting == "220 mail.example.org Pillarbox LMTP ready"
            assert "SIZE" in client.ask("LHLO mx.example.org")
            for _ in range(2):
                [reply] = client.deliver(["alice", "nobody"], LETTER)
                assert reply == "250 2.0.0 <alice> delivered"
            assert client.ask("QUIT").startswith("221")
            assert client.reply() == ""
    assert site.count() == before + 12


def test_a_client_without_the_right_certificate_stays_outside(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.server.ca_file))
    trustme.CA().issue_cert("mx.example.org").configure_cert(context)

    def greeting() -> str:
        """TLS 1.3 tells after the client's last message: with an alert, a reset or silence."""
        try:
            with LmtpClient(("127.0.0.1", site.tls_port), context) as client:
                return client.greeting
        except OSError:
            return ""

    assert greeting() == ""


def test_a_client_that_dies_in_its_text_leaves_nothing_and_harms_nobody(site: Site) -> None:
    before = site.count()
    for cut in (b"", b"Subject: x\r\n\r\nhalf", b"Subject: x\r\n\r\nwhole\r\n."):
        client = LmtpClient(site.path)
        client.ask("LHLO a")
        client.ask("MAIL FROM:<>")
        client.ask("RCPT TO:<alice>")
        assert client.ask("DATA").startswith("354")
        client.socket.sendall(cut)
        client.close()
    with LmtpClient(site.path) as client:
        client.ask("LHLO a")
        assert client.deliver(["alice"], LETTER)[0].startswith("250")
    assert site.count() == before + 1


def test_a_message_over_the_limit_is_refused_and_the_talk_goes_on(site: Site) -> None:
    with site.secured() as client:
        client.ask("LHLO a")
        assert client.ask(f"MAIL FROM:<> SIZE={200 * 1024 * 1024}").startswith("552 5.3.4")
        [reply] = client.deliver(["alice"], LETTER + (b"x" * 98 + b"\r\n") * (LIMIT_BYTES // 50))
        assert reply.startswith("552 5.3.4")
        assert client.deliver(["alice"], LETTER)[0].startswith("250")


def test_many_at_once(site: Site) -> None:
    before, failures = site.count(), []

    def send() -> None:
        with LmtpClient(site.path) as client:
            client.ask("LHLO a")
            failures.extend(reply for _ in range(5) for reply in client.deliver(["alice+Archive"], LETTER * 1000)
                            if not reply.startswith("250"))  # fmt: skip

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert failures == []
    assert (site.count(), site.count("Archive")) == (before, 40)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('listen_plain = ["192.0.2.1:24"]', "not a loopback address"),
        ('listen_plain = ["127.0.0.1:0"]\n[delivery]\nrelay = "a:b:c"', "delivery.relay"),
        ('socket_path = "s"\nsocket_group = "no-such-group"', "there is no group no-such-group"),
        (f'socket_path = "{"x" * 108}"', "107 bytes"),
    ],
)
def test_settings_that_cannot_be_are_told_at_the_start(tmp_path: Path, settings: str, said: str) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text(f"[lmtp]\n{settings}\n")
    server = PillarboxServer(tmp_path / "data", config=config)
    with pytest.raises(ServerTrouble):
        server.start()
    assert said in server.stderr()


def test_a_socket_of_a_running_server_is_not_taken_and_a_left_one_is(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text(f'[lmtp]\nsocket_path = "{site.path}"\n')
    server = PillarboxServer(tmp_path / "data", config=config)
    with pytest.raises(ServerTrouble):
        server.start()
    assert "another program is there already" in server.stderr()
    site.server.kill()
    assert site.path.is_socket()
    site.server.start()
    with LmtpClient(site.path) as client:
        client.ask("LHLO a")
        assert client.deliver(["alice"], LETTER)[0].startswith("250")
