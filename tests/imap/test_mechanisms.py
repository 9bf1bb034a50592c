"""AUTHENTICATE and LOGIN follow what is offered."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pillarbox.auth.contract import Denied
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.sasl_settings import PasswordMechanism
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from tests.transcripts.memory import PASSWORD, USER, MemoryConnection, MemoryStage


class Salts:
    """The same for everybody."""

    async def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters | Denied:
        return ScramParameters(b"salt", 4096)


@pytest.fixture
async def connection() -> AsyncIterator[MemoryConnection]:
    stage = MemoryStage()
    stage.services = replace(stage.services, mechanisms=Mechanisms((PasswordMechanism.SCRAM_SHA_256,), Salts()))
    connection = await stage.connect()
    yield connection
    await connection.close()


async def said(connection: MemoryConnection, line: str) -> bytes:
    await connection.send(line.encode() + b"\r\n")
    return await connection.response() or b""


async def test_without_plain_and_login_no_password_is_taken_in_clear(connection: MemoryConnection) -> None:
    greeting = await connection.response() or b""
    assert b" AUTH=SCRAM-SHA-256 LOGINDISABLED SASL-IR" in greeting
    assert b"AUTH=PLAIN" not in greeting
    assert b"PLUS" not in greeting
    refused = await said(connection, f"a1 LOGIN {USER} {PASSWORD}")
    assert refused.startswith(b"a1 NO [CANNOT] LOGIN is switched off here")
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    assert (await said(connection, f"a2 AUTHENTICATE PLAIN {plain}")).startswith(b"a2 NO [CANNOT]")
    assert (await said(connection, "a3 AUTHENTICATE SCRAM-SHA-256-PLUS")).startswith(b"a3 NO [CANNOT]")


async def test_scram_can_be_cancelled_and_begun_anew(connection: MemoryConnection) -> None:
    await connection.response()
    first = base64.b64encode(b"n,,n=fred,r=abc").decode()
    assert await said(connection, "a1 AUTHENTICATE SCRAM-SHA-256") == b"+ \r\n"
    challenge = base64.b64decode((await said(connection, first))[2:])
    assert challenge.startswith(b"r=abc")
    assert challenge.endswith(b",s=c2FsdA==,i=4096")
    assert (await said(connection, "*")).startswith(b"a1 BAD ")
    assert (await said(connection, f"a2 authenticate scram-sha-256 {first}")).startswith(b"+ ")
    final = base64.b64encode(b"c=biws,r=abc,p=AAAA").decode()
    assert (await said(connection, final)).startswith(b"a2 NO [AUTHENTICATIONFAILED] ")


async def test_exchanges_that_fail_end_the_connection_like_wrong_passwords(connection: MemoryConnection) -> None:
    await connection.response()
    nonsense = base64.b64encode(b"nonsense").decode()
    for tag in ("a1", "a2"):
        answer = await said(connection, f"{tag} AUTHENTICATE SCRAM-SHA-256 {nonsense}")
        assert answer.startswith(tag.encode() + b" NO [AUTHENTICATIONFAILED] ")
    assert (await said(connection, f"a3 AUTHENTICATE SCRAM-SHA-256 {nonsense}")).startswith(b"* BYE ")
