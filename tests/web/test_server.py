"""The HTTPS port of the real server process, beside IMAP and with the same certificate."""

from __future__ import annotations

import imaplib
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cryptography import x509

from tests.web import reading
from tests.web.server import webbed_server
from tests.web.sites import make_files
from tests.web.test_autodiscover import OUTLOOK, REQUEST
from tests.web.test_mobileconfig import verified


@pytest.mark.parametrize("workers", [1, 2])
def test_documents_and_mail_come_from_one_server(tmp_path: Path, workers: int) -> None:
    with webbed_server(tmp_path, workers) as web:
        server = web.server
        imap = imaplib.IMAP4_SSL("localhost", server.port, ssl_context=server.client_context())
        expected = {
            reading.Read("imap", "localhost", server.port, "TLS", "alice@example.org"),
            reading.Read("smtp", "smtp.example.org", 465, "TLS", "alice@example.org"),
        }
        document = web.fetch("/mail/config-v1.1.xml?emailaddress=alice@example.org").read()
        assert reading.autoconfig(document, "alice@example.org") == expected
        body = REQUEST.format(address="alice@example.org", schema=OUTLOOK).encode()
        assert reading.autodiscover(web.fetch("/AutoDiscover/autodiscover.xml", "POST", body).read()) == expected
        done = verified(web.fetch("/mail.mobileconfig?emailaddress=alice@example.org").read(), server.ca_file)
        assert done.returncode == 0, done.stderr
        assert reading.mobileconfig(done.stdout) == expected
        assert reading.Page(web.fetch("/?emailaddress=alice@example.org").read().decode()).servers() == expected
        assert imap.noop()[0] == "OK"
        imap.logout()
    assert "alice" not in server.stderr()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_renewed_certificate_is_shown_after_sighup(tmp_path: Path, workers: int) -> None:
    files = make_files(tmp_path)
    tls = f'certificate_path = "{files.certificate_path}"\nkey_path = "{files.key_path}"'
    with webbed_server(tmp_path, workers, tls) as web:
        before = web.certificate()
        make_files(tmp_path)
        after = x509.load_pem_x509_certificate(files.certificate_path.read_bytes())
        os.kill(web.server.process_id, signal.SIGHUP)
        web.wait_for("certificate.reloaded", 1 if workers == 1 else 1 + workers)
        assert {web.certificate() for _ in range(4)} == {after}
        context = ssl.create_default_context(cafile=str(files.certificate_path))
        imaplib.IMAP4_SSL("localhost", web.server.port, ssl_context=context).logout()
        assert after != before


def test_a_worker_that_dies_takes_no_connection_with_it(tmp_path: Path) -> None:
    with webbed_server(tmp_path, 2) as web:
        victim = psutil.Process(web.server.process_id).children()[0]
        victim.kill()
        web.wait_for("web.ready", 3)
        assert {web.fetch("/").status for _ in range(8)} == {200}


def test_a_setting_that_no_program_could_use_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text('[web]\nlisten = ["127.0.0.1:0"]\n[client_setup]\nsmtp_host = "not a host"\n')
    command = [sys.executable, "-m", "pillarbox", "serve", "--listen", "127.0.0.1:0"]
    command += ["--data", str(tmp_path / "data"), "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    assert 'client_setup.smtp_host: "not a host" is no domain name' in done.stderr
