"""Reading a ClientHello: what OpenSSL itself writes is the example."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.net.hello import MAX_HELLO_BYTES, ClientHello, Unreadable, read_client_hello


def openssl_hello(protocols: list[str], server_name: str | None) -> bytes:
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context.check_hostname = server_name is not None
    session = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


HELLO = openssl_hello(["h2", "imap"], "mail.example.org")


def in_records(hello: bytes, size: int) -> bytes:
    """The same handshake message in records of `size` bytes."""
    message = hello[5:]
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)


def test_protocols_and_server_name_are_read() -> None:
    assert read_client_hello(HELLO) == ClientHello((b"h2", b"imap"), "mail.example.org")


def test_a_client_without_extensions_of_interest_offers_nothing() -> None:
    assert read_client_hello(openssl_hello([], None)) == ClientHello((), "")


def test_every_beginning_of_a_hello_is_incomplete() -> None:
    assert {read_client_hello(HELLO[:length]) for length in range(len(HELLO))} == {Unreadable.INCOMPLETE}


@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_hello_may_be_cut_into_records(size: int) -> None:
    assert read_client_hello(in_records(HELLO, size)) == ClientHello((b"h2", b"imap"), "mail.example.org")


@pytest.mark.parametrize("data", [b"a1 LOGIN x y\r\n", b"GET / HTTP/1.0\r\n", b"\x80\x2e\x01\x03\x01", b"\x16\x02"])
def test_what_is_not_tls_is_told_from_the_first_bytes(data: bytes) -> None:
    assert read_client_hello(data) is Unreadable.NOT_TLS


@pytest.mark.parametrize(
    "data",
    [
        HELLO[:3] + b"\0\0",
        HELLO[:5] + b"\2" + HELLO[6:],
        HELLO[:5] + b"\1" + (MAX_HELLO_BYTES + 1).to_bytes(3, "big"),
        HELLO[:5] + b"\1\0\0\4abcd" + bytes(len(HELLO)),
        in_records(HELLO, 50)[:55] + b"\x17" + in_records(HELLO, 50)[56:],
    ],
)
def test_what_can_not_become_a_hello_is_malformed(data: bytes) -> None:
    assert read_client_hello(data) is Unreadable.MALFORMED


@given(st.binary(max_size=200), st.integers(0, len(HELLO)))
def test_no_bytes_make_it_raise(data: bytes, keep: int) -> None:
    assert isinstance(read_client_hello(HELLO[:keep] + data), ClientHello | Unreadable)
