"""Hand-made hellos: what is offered, and how answers are read, at any split and with any bytes."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.check.hello import Refusal, ServerHello, Version, client_hello, read_server_hello
from pillarbox.check.suites import Strength, all_suites
from pillarbox.check.trouble import NotTls, TlsFailed
from tests.check.authority import Issued


def answer_of_openssl(file: Path, hello: bytes) -> bytes:
    """What a real TLS library says to it, in memory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    with contextlib.suppress(ssl.SSLError):
        server.do_handshake()
    return outgoing.read()


def suite(name: str) -> int:
    return next(each.code for each in all_suites() if each.name == name)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (Version.TLS1_2, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        (Version.TLS1_3, "TLS_CHACHA20_POLY1305_SHA256"),
    ],
)
def test_openssl_understands_the_hello_and_is_understood(good: Issued, version: Version, name: str) -> None:
    data = answer_of_openssl(good.file, client_hello(version, [suite(name)], "localhost"))
    assert read_server_hello(data) == ServerHello(version, suite(name), has_sct=False)


@pytest.mark.parametrize("version", [Version.SSL3, Version.TLS1_0, Version.TLS1_1])
def test_openssl_refuses_the_old_versions(good: Issued, version: Version) -> None:
    hello = client_hello(version, [suite("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")], None)
    assert read_server_hello(answer_of_openssl(good.file, hello)) is Refusal.ALERT


def test_an_answer_may_come_in_pieces(good: Issued) -> None:
    hello = client_hello(Version.TLS1_2, [suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")], "localhost")
    data = answer_of_openssl(good.file, hello)
    size = 5 + int.from_bytes(data[3:5], "big")
    wanted = read_server_hello(data)
    assert isinstance(wanted, ServerHello)
    for length in range(len(data)):
        assert read_server_hello(data[:length]) == (wanted if length >= size else None)


def test_a_server_hello_may_be_cut_into_records(good: Issued) -> None:
    hello = client_hello(Version.TLS1_2, [suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")], "localhost")
    data = answer_of_openssl(good.file, hello)
    body = data[5 : 5 + int.from_bytes(data[3:5], "big")]
    records = b"".join(b"\x16\x03\x03\0\1" + body[at : at + 1] for at in range(len(body)))
    assert read_server_hello(records) == read_server_hello(data)


def test_a_warning_before_the_answer_is_no_refusal(good: Issued) -> None:
    data = answer_of_openssl(good.file, client_hello(Version.TLS1_3, [0x1301], "localhost"))
    assert read_server_hello(b"\x15\x03\x03\0\2\1\x70" + data) == read_server_hello(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_a_bug(data: bytes) -> None:
    with contextlib.suppress(NotTls, TlsFailed):
        assert isinstance(read_server_hello(data), ServerHello | Refusal | None)


@given(st.binary(max_size=300))
def test_any_server_hello_is_read_without_a_bug(body: bytes) -> None:
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    with contextlib.suppress(TlsFailed):
        read_server_hello(b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message)


def test_ssl_3_has_no_extensions() -> None:
    hello = client_hello(Version.SSL3, [suite("TLS_RSA_WITH_3DES_EDE_CBC_SHA")], "localhost")
    assert b"localhost" not in hello
    assert hello[:3] == b"\x16\x03\x00"
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5


def test_suites_have_the_names_and_codes_that_testssl_knows() -> None:
    known = {}
    for line in Path("/etc/testssl/cipher-mapping.txt").read_text().splitlines():
        words = line.split()
        if len(words[0].split(",")) == 2:
            known[int(words[0].replace("0x", "").replace(",", ""), 16)] = words[3]
    assert len(known) > 300
    assert {each.code: known.get(each.code) for each in all_suites()} == {each.code: each.name for each in all_suites()}
    left_out = {name for code, name in known.items() if code not in {each.code for each in all_suites()}}
    mail = [
        name
        for name in left_out
        if name.startswith("TLS_")
        and not any(word in name for word in ("PSK", "SRP", "KRB5", "GOST", "CECPQ1", "_OLD"))
    ]
    assert sorted(mail) == [
        "TLS_NULL_WITH_NULL_NULL", "TLS_RSA_EXPORT1024_WITH_RC2_56_MD5", "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "strength", "faults"),
    [
        ("TLS_AES_128_GCM_SHA256", Strength.GOOD, ()),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Strength.GOOD, ()),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", Strength.DATED, ("no forward secrecy",)),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Strength.DATED, ("CBC",)),
        ("TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", Strength.DATED, ("no forward secrecy",)),
        ("TLS_RSA_WITH_RC4_128_MD5", Strength.WEAK, ("RC4 is broken", "MD5", "no forward secrecy")),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Strength.WEAK, ("64-bit blocks (Sweet32)", "no forward secrecy", "CBC")),
        ("TLS_DHE_RSA_WITH_DES_CBC_SHA", Strength.WEAK, ("56-bit keys", "CBC")),
        ("TLS_DH_anon_WITH_AES_128_GCM_SHA256", Strength.NONE, ("no proof who the server is",)),
        ("TLS_RSA_WITH_NULL_SHA256", Strength.NONE, ("no encryption", "no forward secrecy")),
        ("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", Strength.NONE, ("export-grade keys", "no forward secrecy", "CBC")),
    ],
)
def test_suites_are_judged_by_what_they_are_made_of(name: str, strength: Strength, faults: tuple[str, ...]) -> None:
    found = next(each for each in all_suites() if each.name == name)
    assert (found.strength, found.faults) == (strength, faults)
