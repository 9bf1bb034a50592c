"""What the server speaks, judged by OpenSSL's own client and by bytes that are no TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from pillarbox.clock import SystemClock
from pillarbox.net.certificates import LocalCertificates, ensure_certificates
from pillarbox.net.tls import CertificateFiles, CertificateUnusable, make_context
from tests.net.conftest import Running, Serving
from tests.net.test_hello import HELLO


async def s_client(running: Running, *options: str) -> tuple[int, str]:
    """Exit status and output of `openssl s_client` that verifies the certificate and says `quit`."""
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-verify_return_error", "-ign_eof"),
            *("-CAfile", str(running.certificates.authority_path), "-verify_ip", "127.0.0.1", "-x509_strict", *options),
        ],
        input=b"quit\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_tls_1_2_and_1_3_are_spoken(serving: Serving, version: str) -> None:
    async with serving() as running:
        status, output = await s_client(running, "-quiet", version)
        assert (status, "hello\nbye\n" in output) == (0, True), output
        ended = await running.events.wait_for("connection.ended")
        assert ended["tls"] == {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}[version]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_older_versions_are_refused(serving: Serving, version: str) -> None:
    async with serving() as running:
        status, output = await s_client(running, "-quiet", version, "-cipher", "ALL:@SECLEVEL=0")
        assert status != 0
        assert "alert protocol version" in output
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "TLS handshake failed: UNSUPPORTED_PROTOCOL"
        assert running.conversations == []


@pytest.mark.parametrize(
    "suite", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"]
)
async def test_suites_without_aead_or_ephemeral_curves_are_refused(serving: Serving, suite: str) -> None:
    async with serving() as running:
        status, output = await s_client(running, "-quiet", "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
        assert status != 0
        assert "handshake failure" in output
        assert (await running.events.wait_for("connection.ended"))["reason"] == (
            "TLS handshake failed: NO_SHARED_CIPHER"
        )


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"])
async def test_good_suites_of_tls_1_2_work(serving: Serving, suite: str) -> None:
    async with serving() as running:
        status, _ = await s_client(running, "-quiet", "-tls1_2", "-cipher", suite)
        assert status == 0
        peer = running.conversations[0].peer
        assert peer is not None
        assert peer.tls_cipher == suite


def test_only_aead_suites_with_forward_secrecy_are_configured(certificates: LocalCertificates) -> None:
    suites = make_context(certificates.files).get_ciphers()
    assert {suite["aead"] for suite in suites} == {True}
    assert {suite["kea"] for suite in suites} == {"kx-any", "kx-ecdhe"}


async def test_a_client_that_offers_imap_by_alpn_gets_it(serving: Serving) -> None:
    async with serving() as running:
        status, output = await s_client(running, "-quiet", "-alpn", "h2,imap")
        assert (status, "hello\nbye\n" in output) == (0, True), output
        context = running.client_context()
        context.set_alpn_protocols(["h2", "imap"])
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "imap"
        writer.close()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_that_offers_other_protocols_only_is_refused_with_the_alert(
    serving: Serving, version: str
) -> None:
    async with serving() as running:
        status, output = await s_client(running, "-quiet", version, "-alpn", "h2,http/1.1")
        assert status != 0
        assert "alert no application protocol" in output
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "client offers other protocols only"
        assert running.conversations == []


async def test_renegotiation_is_refused(serving: Serving) -> None:
    async with serving() as running:
        process = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-tls1_2"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        while b"hello" not in await process.stdout.readline():
            pass
        process.stdin.write(b"R\n")
        rest = await process.stdout.read()
        await process.wait()
        assert b"no renegotiation" in rest
        await running.events.wait_for("connection.ended")
        assert running.events.bugs == []


async def test_one_session_ticket_is_given_and_resumes(serving: Serving, tmp_path: Path) -> None:
    async with serving() as running:
        kept = tmp_path / "session"
        _, output = await s_client(running, "-tls1_3", "-sess_out", str(kept), "-msg")
        assert output.count("NewSessionTicket") == 1
        _, output = await s_client(running, "-sess_in", str(kept))
        assert "Reused, TLSv1.3" in output


@pytest.mark.parametrize(
    "data", [b"a1 LOGIN user secret\r\n", b"\x00" * 3000, b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01"]
)
async def test_plaintext_on_the_tls_port_is_closed_at_once_and_never_heard(serving: Serving, data: bytes) -> None:
    async with serving() as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(data)
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "TLS handshake failed: not TLS"
        assert ended["bytes_in"] == 0
        assert running.conversations == []
        writer.close()


async def test_plaintext_sent_before_the_hello_is_never_taken_for_commands(serving: Serving) -> None:
    async with serving() as running:
        plain = socket.create_connection(("127.0.0.1", running.port))
        plain.sendall(b"injected\n")

        def shake() -> None:
            with pytest.raises((ssl.SSLError, OSError)):
                running.client_context().wrap_socket(plain, server_hostname="127.0.0.1")

        await asyncio.get_running_loop().run_in_executor(None, shake)
        assert running.conversations == []
        plain.close()


@pytest.mark.parametrize("sent_bytes", [0, 1, 5, 100])
async def test_a_client_that_leaves_during_the_handshake_is_no_error_of_ours(serving: Serving, sent_bytes: int) -> None:
    async with serving() as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(HELLO[:sent_bytes])
        writer.write_eof()
        ended = await running.events.wait_for("connection.ended")
        wanted = "TLS handshake failed: incomplete ClientHello" if sent_bytes else "client closed before TLS"
        assert ended["reason"] == wanted
        assert running.events.bugs == []
        writer.close()


async def test_garbage_after_a_good_hello_ends_only_that_connection(serving: Serving) -> None:
    async with serving() as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(HELLO + b"\x17\x03\x03\x00\x20" + bytes(32))
        ended = await running.events.wait_for("connection.ended")
        assert str(ended["reason"]).startswith("TLS handshake failed: ")
        assert running.events.bugs == []
        writer.close()
        _, writer = await running.connect()
        writer.close()


def test_a_missing_file_and_a_foreign_key_are_told_apart(tmp_path: Path, certificates: LocalCertificates) -> None:
    with pytest.raises(CertificateUnusable, match="No such file"):
        make_context(CertificateFiles(tmp_path / "absent.pem", tmp_path / "absent.pem"))
    other = ensure_certificates(tmp_path / "other", (), 30, SystemClock())
    with pytest.raises(CertificateUnusable, match="key values mismatch"):
        make_context(CertificateFiles(certificates.authority_path, other.files.key_path))
