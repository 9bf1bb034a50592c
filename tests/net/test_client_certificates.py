"""Who a connection's client is vouched for by: over real sockets, with certificates good and bad."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pillarbox.net.tls import ClientAuthority, Demand, Door
from tests.net.client_certificates import PeoplesAuthority
from tests.net.conftest import Running, Serving
from tests.net.test_tls import s_client

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def asking(path: Path, demand: Demand = Demand.OPTIONAL) -> Door:
    return Door(clients=ClientAuthority(path, demand))


async def enter(running: Running, shown: Path | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """What the server knows of the client that shows this certificate, once it has heard the greeting."""
    context = running.client_context()
    context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(shown)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
    try:
        assert await reader.readline() == b"hello\n"
        peer = running.conversations[-1].peer
        assert peer is not None
        return peer.certificate
    finally:
        writer.close()


async def refused(running: Running, shown: Path | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """Why the server ended the handshake. With TLS 1.3 the client learns of it by its first read."""
    with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
        await enter(running, shown, version)
    ended = await running.events.wait_for("connection.ended")
    assert running.conversations == []
    return str(ended["reason"])


@VERSIONS
async def test_a_vouched_for_client_is_known_and_one_without_a_certificate_gets_in_too(
    serving: Serving, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    people = PeoplesAuthority(tmp_path)
    made, shown = people.issue("anna@example.org")
    async with serving(asking(people.path)) as running:
        assert await enter(running, shown, version) == made.public_bytes(Encoding.DER)
        assert await enter(running, None, version) == b""


@VERSIONS
async def test_a_client_of_another_authority_fails_the_handshake(
    serving: Serving, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    people, strangers = PeoplesAuthority(tmp_path / "people"), PeoplesAuthority(tmp_path / "strangers")
    _, shown = strangers.issue("anna@example.org")
    async with serving(asking(people.path)) as running:
        assert await refused(running, shown, version) == "TLS handshake failed: CERTIFICATE_VERIFY_FAILED"


Bad = Callable[[PeoplesAuthority], tuple[Path, Path]]


def expired(people: PeoplesAuthority) -> tuple[Path, Path]:
    return people.path, people.issue("anna@example.org", timedelta(days=-1))[1]


def for_servers(people: PeoplesAuthority) -> tuple[Path, Path]:
    return people.path, people.issue("anna@example.org", purpose=ExtendedKeyUsageOID.SERVER_AUTH)[1]


def revoked(people: PeoplesAuthority) -> tuple[Path, Path]:
    made, shown = people.issue("anna@example.org")
    return people.revoke(made), shown


@pytest.mark.parametrize("bad", [expired, for_servers, revoked])
async def test_certificates_that_ended_or_are_for_another_purpose_or_revoked_fail_it(
    serving: Serving, tmp_path: Path, bad: Bad
) -> None:
    named, shown = bad(PeoplesAuthority(tmp_path))
    async with serving(asking(named)) as running:
        assert await refused(running, shown) == "TLS handshake failed: CERTIFICATE_VERIFY_FAILED"


async def test_with_a_revocation_list_those_who_are_not_on_it_get_in(serving: Serving, tmp_path: Path) -> None:
    people = PeoplesAuthority(tmp_path)
    gone, _ = people.issue("gone@example.org")
    made, shown = people.issue("anna@example.org")
    async with serving(asking(people.revoke(gone))) as running:
        assert await enter(running, shown) == made.public_bytes(Encoding.DER)


async def test_a_named_authority_below_a_root_that_is_not_named_is_enough(serving: Serving, tmp_path: Path) -> None:
    below = PeoplesAuthority(tmp_path / "below", "Below", PeoplesAuthority(tmp_path / "root"))
    made, shown = below.issue("anna@example.org")
    async with serving(asking(below.path)) as running:
        assert await enter(running, shown) == made.public_bytes(Encoding.DER)


async def test_where_a_certificate_is_demanded_nobody_gets_in_without(serving: Serving, tmp_path: Path) -> None:
    people = PeoplesAuthority(tmp_path)
    async with serving(asking(people.path, Demand.REQUIRED)) as running:
        assert await refused(running, None) == "TLS handshake failed: PEER_DID_NOT_RETURN_A_CERTIFICATE"


async def test_a_resumed_session_is_still_of_the_same_person(serving: Serving, tmp_path: Path) -> None:
    people = PeoplesAuthority(tmp_path)
    made, shown = people.issue("anna@example.org")
    async with serving(asking(people.path)) as running:
        kept = str(tmp_path / "session")
        mine = ("-cert", str(shown), "-key", str(shown))
        for options in (("-sess_out", kept, *mine), ("-sess_in", kept)):
            status, output = await s_client(running, *options)
            assert status == 0, output
        assert "Reused, TLSv1.3" in output
        peers = [conversation.peer for conversation in running.conversations]
        assert [peer.certificate if peer else None for peer in peers] == [made.public_bytes(Encoding.DER)] * 2


async def test_where_nobody_asks_a_certificate_is_not_known(serving: Serving, tmp_path: Path) -> None:
    _, shown = PeoplesAuthority(tmp_path).issue("anna@example.org")
    async with serving() as running:
        assert await enter(running, shown) == b""
