"""Logging in by every mechanism with others' programs: scramp, gsasl, curl, imaplib, pyOpenSSL, openssl.

One server for all; the issuer of tokens is a real web server beside it.
"""

from __future__ import annotations

import imaplib
import json
import os
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL
from scramp import ScramClient  # type: ignore[import-untyped]  # it has no types

from tests.auth.issuer import AUDIENCE, TokenIssuer, https_issuer
from tests.auth.scram_client import client_final, client_first
from tests.servers.pillarbox_server import PillarboxServer

from .imap_wire import ImapWire
from .programs import ClientHome

NAME, PASSWORD = "alice@example.org", "blue Teapot-7"
STARTTLS_PORT = 1143
Login = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Place:
    server: PillarboxServer
    issuer: TokenIssuer
    starttls_host: str
    folder: Path

    def imap(self, context: ssl.SSLContext | None = None) -> imaplib.IMAP4_SSL:
        used = context or self.server.client_context()
        return imaplib.IMAP4_SSL("localhost", self.server.port, ssl_context=used, timeout=60)

    def person(self, name: str) -> tuple[str, str]:
        """PEM files of a certificate with that common name, and its key."""
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


def make_people(folder: Path) -> None:
    """An authority, and a certificate for each of two people."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        folder, "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "people.pem", "-subj", "/CN=People", "-days", "2"
    )
    for name, subject, extra in (
        ("alice", "/CN=Alice Liddell", "subjectAltName=email:alice@example.org"),
        ("stranger", "/CN=nobody", "subjectAltName=email:nobody@example.org"),
    ):
        (folder / "extra.cnf").write_text(extra)
        openssl(folder, "req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        sign = ("-CA", "people.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extra.cnf")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("mechanisms")
    make_people(folder)
    own = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{(os.getpid() & 255) or 1}"  # nobody else's port
    with https_issuer(folder) as issuer:
        config = folder / "pillarbox.toml"
        config.write_text(
            f"""
listen_starttls = ["{own}:{STARTTLS_PORT}"]
[tls]
client_ca = "people.pem"
server_names = ["localhost", "127.0.0.1", "{own}"]
[auth]
argon2_memory_kib = 8192
argon2_passes = 1
argon2_lanes = 1
[auth.sasl]
scram_iterations = 4096
[auth.oauth]
issuer = "{issuer.url}"
audience = ["{AUDIENCE}"]
ca_file = "issuer-ca.pem"
"""
        )
        with PillarboxServer(config=config, workers=1) as server:
            server.add_account(NAME, PASSWORD)
            yield Place(server, issuer, own, folder)


def scramp_steps(client: ScramClient) -> Login:
    """What imaplib calls with each challenge."""

    def first(_challenge: bytes) -> bytes:
        return bytes(client.get_client_first().encode())

    def final(challenge: bytes) -> bytes:
        client.set_server_first(challenge.decode())
        return bytes(client.get_client_final().encode())

    def last(challenge: bytes) -> bytes:
        client.set_server_final(challenge.decode())
        return b""

    steps = iter((first, final, last))
    return lambda challenge: next(steps)(challenge)


def test_the_strongest_mechanisms_come_first(place: Place) -> None:
    with place.imap() as imap:
        offered = [name for name in imap.capabilities if name.startswith("AUTH=")]
    assert offered == [
        "AUTH=SCRAM-SHA-256-PLUS",
        "AUTH=SCRAM-SHA-256",
        "AUTH=OAUTHBEARER",
        "AUTH=XOAUTH2",
        "AUTH=PLAIN",
        "AUTH=LOGIN",
    ]


def test_scramp_logs_in_and_trusts_the_server(place: Place) -> None:
    with place.imap() as imap:
        client = ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)
        assert imap.authenticate("SCRAM-SHA-256", scramp_steps(client))[0] == "OK"
        assert imap.select()[0] == "OK"
    with place.imap() as imap:
        client = ScramClient(["SCRAM-SHA-256"], NAME, "green teapot")
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            imap.authenticate("SCRAM-SHA-256", scramp_steps(client))


def test_scramp_binds_to_the_servers_certificate(place: Place) -> None:
    with place.imap() as imap:
        binding = ("tls-server-end-point", imap.sock)
        client = ScramClient(["SCRAM-SHA-256-PLUS"], NAME, PASSWORD, channel_binding=binding)
        assert imap.authenticate("SCRAM-SHA-256-PLUS", scramp_steps(client))[0] == "OK"


def test_somebody_in_between_is_found_out(place: Place) -> None:
    """An attacker with a certificate that the client trusts passes everything on."""
    with InBetween(place.server.port) as between:
        imap = imaplib.IMAP4_SSL("localhost", between.port, ssl_context=between.client_context, timeout=60)
        binding = ("tls-server-end-point", imap.sock)
        client = ScramClient(["SCRAM-SHA-256-PLUS"], NAME, PASSWORD, channel_binding=binding)
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            imap.authenticate("SCRAM-SHA-256-PLUS", scramp_steps(client))
        imap.shutdown()
    assert '"reason": "right password, but the client sees another TLS connection"' in place.server.stderr()


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_pyopenssl_binds_to_the_connection_itself(place: Place, version: int) -> None:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(version)
    context.load_verify_locations(str(place.server.ca_file))
    context.set_verify(SSL.VERIFY_PEER)
    with socket.create_connection(("127.0.0.1", place.server.port), timeout=60) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(context, plain)
        connection.set_tlsext_host_name(b"localhost")
        connection.set_connect_state()
        connection.do_handshake()
        exported = connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        imap = ImapWire(connection)
        header = b"p=tls-exporter,,"
        final = client_final(header, exported, NAME, PASSWORD)
        ended = imap.authenticate("SCRAM-SHA-256-PLUS", lambda _: client_first(header, NAME), final, lambda _: b"")
        assert ended.startswith(b"a1 OK ")


def gsasl(place: Place, home: ClientHome, *options: str) -> subprocess.CompletedProcess[bytes]:
    """After STARTTLS; gsasl knows no TLS from the start."""
    where = ("--imap", "--starttls", "--connect", f"{place.starttls_host}:{STARTTLS_PORT}")
    trust = f"--x509-ca-file={place.server.ca_file}"
    return home.attempt(["gsasl", *where, trust, "--authentication-id", NAME, *options])


@pytest.mark.parametrize("options", [("SCRAM-SHA-256-PLUS",), ("SCRAM-SHA-256", "--no-cb"), ("PLAIN",)])
def test_gsasl_logs_in(place: Place, home: ClientHome, options: tuple[str, ...]) -> None:
    done = gsasl(place, home, "--password", PASSWORD, "--mechanism", *options)
    assert (done.returncode, b"server trusted" in done.stderr) == (0, True)


def test_gsasl_with_a_wrong_password_stays_outside(place: Place, home: ClientHome) -> None:
    done = gsasl(place, home, "--password", "green teapot", "--mechanism", "SCRAM-SHA-256-PLUS")
    assert (done.returncode, b"AUTHENTICATIONFAILED" in done.stdout) == (1, True)


# --- tokens ---------------------------------------------------------------------------------------


def curl(place: Place, home: ClientHome, *options: str) -> subprocess.CompletedProcess[bytes]:
    trust = ("--silent", "--show-error", "--cacert", str(place.server.ca_file))
    return home.attempt(["curl", *trust, *options, f"imaps://localhost:{place.server.port}/"])


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl_logs_in_with_a_token(place: Place, home: ClientHome, mechanism: str) -> None:
    config = home.write("curlrc", f'oauth2-bearer = "{place.issuer.token()}"\nuser = "{NAME}:"\n')
    done = curl(place, home, "--config", str(config), "--login-options", f"AUTH={mechanism}")
    assert (done.returncode, b"INBOX" in done.stdout) == (0, True)
    config = home.write("curlrc", f'oauth2-bearer = "{place.issuer.token(exp=1)}"\nuser = "{NAME}:"\n')
    assert curl(place, home, "--config", str(config), "--login-options", f"AUTH={mechanism}").returncode == 67


def test_imaplib_reads_why_a_token_is_refused(place: Place) -> None:
    challenges: list[bytes] = []
    answers = iter([f"n,,\x01auth=Bearer {place.issuer.token(aud='calendar')}\x01\x01".encode(), b"\x01"])

    def answer(challenge: bytes) -> bytes:
        challenges.append(challenge)
        return next(answers)

    with place.imap() as imap, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.authenticate("OAUTHBEARER", answer)
    assert json.loads(challenges[1]) == {
        "status": "invalid_token",
        "openid-configuration": f"{place.issuer.url}/.well-known/openid-configuration",
    }


def test_imaplib_logs_in_with_a_token_that_says_who_it_is(place: Place) -> None:
    with place.imap() as imap:
        message = f"n,,\x01auth=Bearer {place.issuer.token()}\x01\x01".encode()
        assert imap.authenticate("OAUTHBEARER", lambda _: message)[0] == "OK"


# --- certificates ---------------------------------------------------------------------------------


def test_curl_logs_in_with_a_certificate(place: Place, home: ClientHome) -> None:
    certificate, key = place.person("alice")
    shown = ("--cert", certificate, "--key", key, "--login-options", "AUTH=EXTERNAL")
    done = curl(place, home, *shown, "--user", f"{NAME}:")
    assert (done.returncode, b"INBOX" in done.stdout) == (0, True)
    assert curl(place, home, *shown, "--user", "bob@example.org:").returncode == 67
    assert curl(place, home, "--login-options", "AUTH=EXTERNAL", "--user", f"{NAME}:").returncode == 67


def test_imaplib_logs_in_with_a_certificate_that_says_who_it_is(place: Place) -> None:
    context = place.server.client_context()
    context.load_cert_chain(*place.person("alice"))
    with place.imap(context) as imap:
        assert imap.capabilities.index("AUTH=EXTERNAL") < imap.capabilities.index("AUTH=SCRAM-SHA-256-PLUS")
        assert imap.authenticate("EXTERNAL", lambda _: b"")[0] == "OK"


def test_a_certificate_without_an_account_opens_nothing(place: Place) -> None:
    context = place.server.client_context()
    context.load_cert_chain(*place.person("stranger"))
    with place.imap(context) as imap, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.authenticate("EXTERNAL", lambda _: b"")


def test_every_mechanism_is_in_the_history(place: Place) -> None:
    with place.imap() as imap:
        imap.login(NAME, PASSWORD)
    answers: dict[str, Login] = {
        "PLAIN": lambda _: f"\0{NAME}\0{PASSWORD}".encode(),
        "SCRAM-SHA-256": scramp_steps(ScramClient(["SCRAM-SHA-256"], NAME, PASSWORD)),
    }
    for mechanism, answer in answers.items():
        with place.imap() as imap:
            imap.authenticate(mechanism, answer)
    lines = [json.loads(line) for line in place.server.stderr().splitlines() if '"login.granted"' in line]
    assert {line["mechanism"] for line in lines} >= {"LOGIN", "PLAIN", "SCRAM-SHA-256"}
    assert {line["login"] for line in lines} == {NAME}


class InBetween:
    """Ends the client's TLS with a certificate of its own, and passes on what both sides say."""

    def __init__(self, port: int) -> None:
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self.client_context = ssl.create_default_context()
        authority.configure_trust(self.client_context)
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> InBetween:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(60)

    def _serve(self) -> None:
        accepted, _ = self._listener.accept()
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        reached = socket.create_connection(("127.0.0.1", self._server_port))
        onwards = trusting.wrap_socket(reached, server_hostname="localhost")
        client = self._context.wrap_socket(accepted, server_side=True)
        while _pass_on(client, onwards) and _pass_on(onwards, client):
            select.select([client, onwards], [], [])


def _pass_on(source: ssl.SSLSocket, target: ssl.SSLSocket) -> bool:
    """What has come; False at the end. One thread for both ways: OpenSSL's connections are not for two."""
    source.settimeout(0)
    try:
        while data := source.recv(65_536):
            target.settimeout(60)
            target.sendall(data)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False
