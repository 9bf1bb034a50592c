"""Channel bindings: both ends have the same, and nobody else has."""

from __future__ import annotations

import hashlib
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from pillarbox.net.binding import (
    END_POINT,
    EXPORTER,
    Exporter,
    TlsBindings,
    _connected,
    find_exporter,
)
from pillarbox.net.leaf import read_leaf
from tests.net.leaves import leaf


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(made)
    return made


def test_the_exporter_works_with_this_python(context: ssl.SSLContext) -> None:
    assert isinstance(find_exporter(context), Exporter)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_ends_export_the_same_and_no_other_connection_does(
    context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    context.maximum_version = version
    exporter = Exporter()
    client, server = _connected(context)
    here = TlsBindings(server, None, exporter)
    assert (list(here.types), len(here.data(EXPORTER))) == ([EXPORTER], 32)
    assert here.data(EXPORTER) == TlsBindings(client, None, exporter).data(EXPORTER)
    assert here.data(EXPORTER) != TlsBindings(_connected(context)[1], None, exporter).data(EXPORTER)


def test_without_the_exporter_the_certificate_alone_binds(context: ssl.SSLContext) -> None:
    certificate = leaf(ec.generate_private_key(ec.SECP256R1()), hashes.SHA384())
    bindings = TlsBindings(_connected(context)[1], read_leaf(certificate.public_bytes(Encoding.PEM)), None)
    assert list(bindings.types) == [END_POINT]
    assert bindings.data(END_POINT) == hashlib.sha384(certificate.public_bytes(Encoding.DER)).digest()
    assert (bindings.data(EXPORTER), bindings.data("tls-unique")) == (b"", b"")


def test_an_ed25519_certificate_has_no_end_point_binding(context: ssl.SSLContext) -> None:
    certificate = leaf(ed25519.Ed25519PrivateKey.generate(), None)
    assert read_leaf(certificate.public_bytes(Encoding.PEM)).end_point == b""
    assert (
        list(TlsBindings(_connected(context)[1], read_leaf(certificate.public_bytes(Encoding.PEM)), None).types) == []
    )


def test_a_certificate_signed_with_sha_1_is_hashed_with_sha_256() -> None:
    certificate = x509.load_pem_x509_certificate(SHA_1.encode())
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha1"
    assert read_leaf(SHA_1.encode()).end_point == hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


SHA_1 = """\
-----BEGIN CERTIFICATE-----
MIIBbzCCARagAwIBAgIUcP/FLYNoB5/hW8g1WBpxBvlWYb8wCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwHhcNMjYxMTIzMDIxMTQzWhcNMzYxMTIwMDIxMTQzWjAO
MQwwCgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASQn6qsqKPa
CGbxw+8OLJNZB/vQLIbs8fBzPYA7miAA2fxt1g8W2k+zQ8FqdWbr4S/8KW/cwXrE
xTJ596qEoV26o1MwUTAdBgNVHQ4EFgQUc6rwPflBsq+9x9UfUyc31DT5VCAwHwYD
VR0jBBgwFoAUc6rwPflBsq+9x9UfUyc31DT5VCAwDwYDVR0TAQH/BAUwAwEB/zAJ
BgcqhkjOPQQBA0gAMEUCIAF3NSe55TAvnGiR2M+HyZQ6+legt8knoHnJlb/T5Qne
AiEAxfa3QHKT9gKIa6N7IETtDypOFtmdQavDTqFrNR/bJX0=
-----END CERTIFICATE-----
"""
