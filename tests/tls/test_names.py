"""Certificates per domain at every door and in every worker, replaced while clients are connected."""

from __future__ import annotations

import imaplib
import socket
import ssl
from pathlib import Path

import psutil
import pytest
import trustme
from cryptography import x509

from tests.tls.doors import ACCOUNT, PASSWORD, PROTOCOLS, WORKERS, Doors, doors, put_certificate

LOOKS = 6
"""Enough clients that both workers serve some; that all are shown the same is what is asserted, never how many."""


def shown_everywhere(running: Doors, name: str) -> set[x509.Certificate]:
    return {running.shown(door, name) for door in PROTOCOLS for _ in range(LOOKS)}


def test_a_certificate_laid_down_and_replaced_is_served_by_all_doors_and_workers_without_a_signal(
    running: Doors,
) -> None:
    authority, folder = trustme.CA(), running.server.data / "certificates" / "domains" / "mail.example.net"
    [default] = {running.shown(door, "mail.example.net") for door in PROTOCOLS}
    path = str(folder / "certificate.pem")
    first = put_certificate(folder, authority, "mail.example.net", "*.example.net")
    running.wait_for_workers("certificate.added", path=path)
    assert shown_everywhere(running, "mail.example.net") == shown_everywhere(running, "x.example.net") == {first}
    kept = imaplib.IMAP4_SSL("localhost", running.server.port, ssl_context=running.server.client_context())
    kept.login(ACCOUNT, PASSWORD)
    second = put_certificate(folder, authority, "mail.example.net")
    running.wait_for_workers("certificate.replaced", path=path)
    assert shown_everywhere(running, "mail.example.net") == {second}
    assert shown_everywhere(running, "x.example.net") == {default}
    assert kept.noop()[0] == "OK"
    kept.logout()


def test_a_pair_that_does_not_fit_keeps_the_old_one_in_all_workers_and_is_told_of(running: Doors) -> None:
    authority, folder = trustme.CA(), running.server.data / "certificates" / "domains" / "broken.example.com"
    path = str(folder / "certificate.pem")
    good = put_certificate(folder, authority, "broken.example.com")
    running.wait_for_workers("certificate.added", path=path)
    (folder / "key.pem").write_bytes(authority.issue_cert("broken.example.com").private_key_pem.bytes())
    running.wait_for_workers("certificate.unusable", path=path, then="the one before is served on")
    assert shown_everywhere(running, "broken.example.com") == {good}


def test_named_certificates_are_shown_by_a_restarted_worker_too_and_modern_is_tls_1_3_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    named = put_certificate(tmp_path / "named", authority, "named.example.org")
    rows = '[[tls.domains]]\ncertificate_path = "named/certificate.pem"\nkey_path = "named/key.pem"\nnames = ["a.test"]'
    with doors(tmp_path, tls=f'profile = "modern"\nwarn_days_left = 400\n{rows}') as running:
        [told] = running.wait_for("certificate.expiring", worker=0)
        assert (told["path"], told["days_left"]) == (str(tmp_path / "data" / "certificates" / "server.pem"), 396)
        assert shown_everywhere(running, "named.example.org") == shown_everywhere(running, "a.test") == {named}
        renewed = put_certificate(tmp_path / "named", authority, "named.example.org")
        running.wait_for_workers("certificate.replaced")
        psutil.Process(running.server.process_id).children()[0].kill()
        running.wait_for("server.ready", WORKERS + 1)
        assert shown_everywhere(running, "a.test") == {renewed}
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
        for door in PROTOCOLS:
            with (
                socket.create_connection(("127.0.0.1", running.ports[door])) as plain,
                pytest.raises((ssl.SSLError, ConnectionError)),
            ):
                old.wrap_socket(plain)
