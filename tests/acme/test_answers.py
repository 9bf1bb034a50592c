"""What strangers get who come where an authority is answered."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from acme import errors, messages
from cryptography import x509
from requests import ConnectionError as NoConnection

from pillarbox.acme.folder import AcmeFolder
from pillarbox.acme.problems import explained
from pillarbox.acme.proofs import Proof, challenge_pem, shown
from pillarbox.acme.responder import answering, bound, http_answer
from pillarbox.acme.settings import AcmeSettings, Challenge
from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.net.challenges import ChallengeFolder
from pillarbox.net.hello import ClientHello
from pillarbox.net.settings import ListenAddress
from tests.acme.pebble import free_ports

PROOF = Proof("mail.example.org", "t" * 43, "t" * 43 + ".thumbprint", "_acme-challenge.mail.example.org", "text")
ALPN = (b"acme-tls/1",)


@pytest.fixture
def folder(tmp_path: Path) -> ChallengeFolder:
    return AcmeFolder(tmp_path).challenges


def test_http_answers_to_the_token_and_nothing_else(folder: ChallengeFolder) -> None:
    with shown([PROOF], AcmeSettings(), folder, HeldClock(), NoEvents()):
        right = b"/.well-known/acme-challenge/" + PROOF.token.encode()
        status, _, body = http_answer(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % right, folder).partition(b"\r\n")
        assert (status, body.endswith(b"\r\n\r\n" + PROOF.key_authorization.encode())) == (b"HTTP/1.1 200 OK", True)
        (folder.path / "secret.pem").write_text("no")
        for path in (b"/", b"/.well-known/acme-challenge/", right + b"x", right[:-1] + b"/../secret.pem", b"/\xff"):
            assert http_answer(b"GET %s HTTP/1.1\r\n\r\n" % path, folder).startswith(b"HTTP/1.1 404 Not Found\r\n")
        for head in (b"\r\n\r\n", b"GET\r\n\r\n", b"POST %s HTTP/1.1\r\n\r\n" % right):
            assert http_answer(head, folder).startswith(b"HTTP/1.1 404 Not Found\r\n")
        (folder.path / "secret.pem").unlink()
    assert folder.are_pending() is False


def test_only_who_offers_nothing_but_acme_sees_the_challenges_certificate(folder: ChallengeFolder) -> None:
    settings = AcmeSettings(challenge=Challenge.TLS_ALPN_01)
    with shown([PROOF], settings, folder, HeldClock(), NoEvents()):
        assert folder.context(ClientHello(ALPN, "mail.example.org")) is not None
        for hello in (
            ClientHello((*ALPN, b"imap"), "mail.example.org"),
            ClientHello((), "mail.example.org"),
            ClientHello(ALPN, "other.example.org"),
            ClientHello(ALPN, "../challenges/mail.example.org"),
            ClientHello(ALPN, ""),
        ):
            assert folder.context(hello) is None
    assert folder.context(ClientHello(ALPN, "mail.example.org")) is None


def test_the_challenges_certificate_is_as_the_rfc_wants_it() -> None:
    certificate = x509.load_pem_x509_certificate(challenge_pem(PROOF, 1_780_000_000))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    identifier = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
    assert list(names) == [x509.DNSName("mail.example.org")]
    assert identifier.critical is True
    assert isinstance(identifier.value, x509.UnrecognizedExtension)
    assert (identifier.value.value[:2], len(identifier.value.value)) == (b"\x04\x20", 34)
    certificate.verify_directly_issued_by(certificate)


def test_a_bound_socket_listens_only_while_it_is_needed_and_again(folder: ChallengeFolder) -> None:
    with free_ports(1) as (port,):
        where, settings = ("127.0.0.1", port), AcmeSettings(listen=(ListenAddress("127.0.0.1", port),))
        sockets = bound(settings.listen)
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(where, 30)
            with (
                shown([PROOF], settings, folder, HeldClock(), NoEvents()),
                answering(settings, sockets, folder),
                socket.create_connection(where, 30) as client,
            ):
                client.sendall(b"GET /.well-known/acme-challenge/%s HTTP/1.1\r\n\r\n" % PROOF.token.encode())
                assert client.makefile("rb").read().endswith(PROOF.key_authorization.encode())
            with answering(settings, (), folder), socket.create_connection(where, 30) as client:  # another process may
                client.sendall(b"x" * 10_000)
                client.shutdown(socket.SHUT_WR)
                assert client.makefile("rb").read(1) == b""
        sockets[0].close()


def test_a_stranger_on_the_tls_port_is_refused(folder: ChallengeFolder) -> None:
    sockets = bound([ListenAddress("127.0.0.1", 0)])
    where = sockets[0].getsockname()
    context = ssl.create_default_context()
    settings = AcmeSettings(challenge=Challenge.TLS_ALPN_01)
    with (
        answering(settings, sockets, folder),
        socket.create_connection(where, 30) as client,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(client, server_hostname="mail.example.org")
    sockets[0].close()


def test_who_does_not_ask_for_acme_alone_is_shown_nothing_of_the_challenge(folder: ChallengeFolder) -> None:
    sockets = bound([ListenAddress("127.0.0.1", 0)])
    settings = AcmeSettings(challenge=Challenge.TLS_ALPN_01)
    with shown([PROOF], settings, folder, HeldClock(), NoEvents()), answering(settings, sockets, folder):
        for protocols in ((), ("http/1.1",), ("acme-tls/1", "http/1.1"), ("acme-tls/1",)):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if protocols:
                context.set_alpn_protocols(protocols)
            with socket.create_connection(sockets[0].getsockname(), 30) as client:
                if protocols == ("acme-tls/1",):
                    with context.wrap_socket(client, server_hostname=PROOF.name) as tls:
                        assert tls.selected_alpn_protocol() == "acme-tls/1"
                        assert tls.getpeercert(binary_form=True)
                else:
                    with pytest.raises((ssl.SSLError, ConnectionError)):
                        context.wrap_socket(client, server_hostname=PROOF.name)
    sockets[0].close()


def test_limits_are_explained_in_plain_words() -> None:
    detail = 'too many failed authorizations (5) for "mail.example.org" in the last 1h0m0s,\n\x1b[31m retry after 3pm'
    problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail}
    trouble = explained(messages.Error.from_json(problem), "https://ca.example/", 3600.0)
    assert str(trouble).startswith("the authority has had too many requests for these names or from you; wait")
    assert str(trouble).endswith('for "mail.example.org" in the last 1h0m0s, [31m retry after 3pm')
    assert trouble.wait_seconds == 3600.0


def test_a_worker_does_not_load_what_speaks_acme() -> None:
    heavy = "{'acme', 'josepy', 'requests'}"
    program = f"import sys, pillarbox.app.acme; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n"


def test_every_trouble_has_words() -> None:
    inner = {"type": "urn:ietf:params:acme:error:caa", "detail": "no", "identifier": {"type": "dns", "value": "a.b"}}
    compound = json.loads(json.dumps({"type": "urn:x:new", "detail": "two", "subproblems": [inner]}))
    for error, hint in (
        (messages.Error.from_json(compound), "it says: two (a.b: a CAA record in the DNS forbids"),
        (errors.TimeoutError(), "took longer than acme.patience_seconds"),
        (NoConnection(), "can't be reached"),
        (KeyError("x"), "does not answer as an ACME server does"),
    ):
        assert hint in str(explained(error, "https://ca.example/"))
