"""IMAP with STARTTLS on a port of its own: with real clients, and with what an attacker puts around it."""

from __future__ import annotations

import imaplib
import socket
import ssl
import subprocess

import pytest

from tests.tls.doors import ACCOUNT, PASSWORD, PATIENCE_SECONDS, Doors

GREETING = b"* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED] Pillarbox ready for STARTTLS\r\n"


def connect(running: Doors) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", running.ports["starttls"]), PATIENCE_SECONDS)
    assert read_line(plain) == GREETING
    return plain


def read_line(plain: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := plain.recv(1)):
        line += byte
    return line


def read_all(plain: socket.socket) -> bytes:
    """Until the server closes, politely or not."""
    data = b""
    try:
        while piece := plain.recv(4096):
            data += piece
    except ConnectionError:
        pass
    return data


def test_a_client_logs_in_after_starttls_and_not_before(running: Doors) -> None:
    client = imaplib.IMAP4("localhost", running.ports["starttls"])
    assert "LOGINDISABLED" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        client.login(ACCOUNT, PASSWORD)
    client.starttls(running.server.client_context())
    assert "STARTTLS" not in client.capabilities
    assert "LOGINDISABLED" not in client.capabilities
    assert client.login(ACCOUNT, PASSWORD)[0] == "OK"
    assert client.select()[0] == "OK"
    client.logout()


def test_curl_and_openssl_take_it(running: Doors) -> None:
    port, authority = running.ports["starttls"], str(running.server.ca_file)
    url, user = f"imap://localhost:{port}/", f"{ACCOUNT}:{PASSWORD}"
    listed = subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", authority, "--user", user, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert "INBOX" in listed.stdout, listed.stderr
    shaken = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{port}", "-starttls", "imap", "-CAfile", authority],
        input="a LOGOUT\r\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert "Verify return code: 0 (ok)" in shaken.stdout


def test_after_tls_the_client_speaks_first(running: Doors) -> None:
    with connect(running) as plain:
        plain.sendall(b"a STARTTLS\r\n")
        assert read_line(plain) == b"a OK Begin TLS now\r\n"
        with running.server.client_context().wrap_socket(plain, server_hostname="localhost") as secured:
            secured.sendall(b"b NOOP\r\nc STARTTLS\r\nd LOGOUT\r\n")
            said = read_all(secured).splitlines()
            assert [line[:5] for line in said] == [b"b OK ", b"c BAD", b"* BYE", b"d OK "]


@pytest.mark.parametrize("split", [False, True], ids=["in one packet", "after the answer"])
def test_commands_put_behind_starttls_in_clear_are_never_carried_out(running: Doors, split: bool) -> None:
    """CVE-2011-0411 and its kin: an attacker's command, taken for the first one under TLS."""
    injected = b"b CREATE injected\r\nc LOGIN x y\r\n"
    with connect(running) as plain:
        if split:
            plain.sendall(b"a STARTTLS\r\n")
            assert read_line(plain) == b"a OK Begin TLS now\r\n"
            plain.sendall(injected)
            assert read_all(plain) == b""
        else:
            plain.sendall(b"a STARTTLS\r\n" + injected)
            assert read_all(plain) == b"* BYE Nothing may follow STARTTLS before TLS has begun\r\n"
    with connect(running) as plain:  # nobody else got the answer to it
        plain.sendall(b"a NOOP\r\n")
        assert read_line(plain) == b"a OK NOOP completed\r\n"


def test_tls_without_starttls_and_a_proxy_header_of_a_stranger_are_refused(running: Doors) -> None:
    with connect(running) as plain:
        plain.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 1 143\r\na CAPABILITY\r\n")
        assert read_all(plain) == b""
    running.wait_for("connection.ended", reason="PROXY header from an address that proxy_from does not name")
    with (
        socket.create_connection(("127.0.0.1", running.ports["starttls"]), PATIENCE_SECONDS) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        running.server.client_context().wrap_socket(plain, server_hostname="localhost")
