"""LDAP against Debian's slapd: who gets in, what injection changes (nothing), and what is never said in clear."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from pillarbox.auth.ldap.check import LdapCheck, LdapUnusable
from pillarbox.auth.ldap.connection import LdapConnection
from pillarbox.auth.ldap.messages import Entry, Result, Scope, bind
from pillarbox.auth.ldap.settings import LdapEncryption, LdapSettings
from pillarbox.auth.password_check import Accepted, AdminRight, CheckUnavailable, Rejected
from pillarbox.clock import HeldClock
from pillarbox.secret import Secret
from tests.auth.recorded import Recorded
from tests.servers.slapd import BASE, GROUP, SERVICE_DN, Slapd

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd() as running:
        yield running


@pytest.fixture
def settings(slapd: Slapd) -> LdapSettings:
    return LdapSettings(
        servers=(slapd.ldaps,),
        ca_file=slapd.ca_file,
        bind_dn=SERVICE_DN,
        bind_password_file=slapd.password_file,
        base=BASE,
        timeout_seconds=PATIENCE_SECONDS,
    )


@contextlib.asynccontextmanager
async def opened(settings: LdapSettings) -> AsyncIterator[LdapCheck]:
    check = LdapCheck(settings, HeldClock(), Recorded())
    yield check
    await check.close()


async def judged(settings: LdapSettings, name: str, password: str) -> Accepted | Rejected:
    async with opened(settings) as check:
        return await check.judge(name, Secret(password.encode()))


# --- ways to get there ------------------------------------------------------------------------------


async def test_every_protected_way_to_the_directory_works(slapd: Slapd, settings: LdapSettings) -> None:
    loopback = replace(settings, servers=(slapd.ldap,), encryption=LdapEncryption.EXCEPT_LOOPBACK, ca_file=None)
    for way in (
        settings,
        replace(settings, servers=(slapd.ldap,)),
        replace(settings, servers=(slapd.ldapi,)),
        loopback,
    ):
        assert await judged(way, "alice", "wonderland") == Accepted("alice")
        assert await judged(way, "alice", "builder") == Rejected.WRONG


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
async def test_a_certificate_that_is_not_trusted_is_never_given_a_password(
    slapd: Slapd, settings: LdapSettings, scheme: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    server = slapd.ldap if scheme == "ldap" else slapd.ldaps
    with pytest.raises(CheckUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await judged(replace(settings, servers=(server,), ca_file=other), "alice", "wonderland")


async def test_a_certificate_with_another_name_is_refused(slapd: Slapd, settings: LdapSettings) -> None:
    by_address = f"ldaps://127.0.0.1:{slapd.tls_port}"
    with pytest.raises(CheckUnavailable, match="IP address mismatch"):
        await judged(replace(settings, servers=(by_address,)), "alice", "wonderland")


async def test_the_next_server_is_asked_when_one_is_down(slapd: Slapd, settings: LdapSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        down = f"ldaps://localhost:{closed.getsockname()[1]}"
    assert await judged(replace(settings, servers=(down, slapd.ldaps)), "alice", "wonderland") == Accepted("alice")


async def test_a_directory_that_is_down_calls_no_password_wrong(settings: LdapSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        down = f"ldaps://localhost:{closed.getsockname()[1]}"
    with pytest.raises(CheckUnavailable):
        await judged(replace(settings, servers=(down,)), "alice", "wonderland")


async def test_a_directory_that_says_nothing_is_given_up(settings: LdapSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"ldaps://localhost:{silent.getsockname()[1]}"
        with pytest.raises(CheckUnavailable, match="does not answer"):
            await judged(replace(settings, servers=(server,), timeout_seconds=0.2), "alice", "wonderland")


async def test_a_directory_that_was_started_anew_is_asked_on_a_new_connection(
    slapd: Slapd, settings: LdapSettings
) -> None:
    async with opened(settings) as check:
        assert await check.judge("alice", Secret(b"wonderland")) == Accepted("alice")
        slapd.stop()
        slapd.start()
        assert await check.judge("alice", Secret(b"wonderland")) == Accepted("alice")


# --- who gets in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nobody", "nopass", "twin", "*", "al*", "alice)(uid=*", "a)(|(uid=*", "\\2a", "(", "é"]
)
async def test_nobody_else_gets_in(settings: LdapSettings, name: str) -> None:
    loose = replace(settings, filter="(|(uid={login})(mail={login}))")
    for password in ("wonderland", "double"):
        assert await judged(loose, name, password) == Rejected.WRONG


@pytest.mark.parametrize(
    "name", ["alice", "nobody", "alice,ou=people", "alice+uid=bob", "x,uid=alice", '"', "\\", "#1", "é"]
)
async def test_a_name_can_not_change_the_dn(slapd: Slapd, settings: LdapSettings, name: str) -> None:
    direct = replace(settings, user_dn="uid={login}," + BASE, bind_dn="", bind_password_file=None, base="")
    expected = Accepted("alice") if name == "alice" else Rejected.WRONG
    assert await judged(direct, name, "wonderland") == expected


async def test_two_spellings_of_one_person_are_one_account(settings: LdapSettings) -> None:
    named = replace(settings, filter="(|(uid={local})(mail={login}))", name_attribute="mail")
    assert await judged(named, "alice", "wonderland") == Accepted("alice@example.org")
    assert await judged(named, "alice@example.org", "wonderland") == Accepted("alice@example.org")
    several = replace(named, name_attribute="uid")
    assert await judged(several, "alicia", "wonderland") == Accepted("alice")
    assert await judged(several, "alice", "wonderland") == Accepted("alice")


async def test_an_entry_without_the_attribute_of_names_is_trouble_not_a_wrong_password(settings: LdapSettings) -> None:
    with pytest.raises(CheckUnavailable, match="has no attribute telephonenumber"):
        await judged(replace(settings, name_attribute="telephoneNumber"), "alice", "wonderland")


@pytest.mark.parametrize("way", ["search", "template"])
async def test_entries_that_the_filter_disables_stay_out(settings: LdapSettings, way: str) -> None:
    strict = replace(settings, disabled_filter="(&(objectClass=*)(!(employeeType=staff)))")
    if way == "template":
        strict = replace(strict, user_dn="uid={login}," + BASE)
    assert await judged(strict, "eve", "evening") == Rejected.DISABLED
    assert await judged(strict, "eve", "wrong") == Rejected.WRONG
    assert await judged(strict, "bob", "builder") == Accepted("bob")


async def test_the_group_says_who_administers(settings: LdapSettings) -> None:
    grouped = replace(settings, admin_group=GROUP)
    assert await judged(grouped, "bob", "builder") == Accepted("bob", AdminRight.GIVEN)
    assert await judged(grouped, "alice", "wonderland") == Accepted("alice", AdminRight.TAKEN)


async def test_a_service_account_with_a_wrong_password_is_trouble_for_the_operator(
    slapd: Slapd, settings: LdapSettings, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    with pytest.raises(CheckUnavailable, match="does not let cn=pillarbox"):
        await judged(replace(settings, bind_password_file=wrong), "alice", "wonderland")


async def test_many_at_once_share_few_connections(settings: LdapSettings) -> None:
    async with opened(settings) as check:
        asked = [check.judge("alice", Secret(b"wonderland")) for _ in range(8)]
        asked += [check.judge("bob", Secret(b"wonderland")) for _ in range(8)]
        answers = await asyncio.gather(*asked)
    assert answers == [Accepted("alice")] * 8 + [Rejected.WRONG] * 8


def test_a_bind_without_a_password_can_not_be_made() -> None:
    with pytest.raises(ValueError):
        bind(1, b"uid=alice," + BASE.encode(), Secret(b""))


async def test_a_name_that_nobody_has_is_asked_for_as_one_that_somebody_has(
    settings: LdapSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the work done: the same questions in the same order, to the decoy where there is no entry."""
    asked: list[str] = []
    search, bind_as = LdapConnection.search, LdapConnection.bind

    async def searching(self: LdapConnection, base: bytes, scope: Scope, *rest: Any) -> list[Entry]:
        asked.append(f"search {scope.name}")
        return await search(self, base, scope, *rest)

    async def binding(self: LdapConnection, dn: bytes, password: Secret[bytes]) -> Result:
        asked.append(f"bind {dn.decode()}")
        return await bind_as(self, dn, password)

    monkeypatch.setattr(LdapConnection, "search", searching)
    monkeypatch.setattr(LdapConnection, "bind", binding)
    decoyed = replace(settings, decoy_dn=f"uid=decoy,{BASE}", disabled_filter="(employeeType=gone)", admin_group=GROUP)
    seen = {}
    for name in ("alice", "eve", "twin", "nobody"):
        asked.clear()
        assert await judged(decoyed, name, "looking-glass") == Rejected.WRONG
        seen[name] = list(asked)
    start = [f"bind {SERVICE_DN}", "search SUBTREE"]
    assert seen["alice"] == [*start, f"bind uid=alice,{BASE}"]
    assert seen["eve"] == [*start, f"bind uid=eve,{BASE}"]
    assert seen["twin"] == seen["nobody"] == [*start, f"bind uid=decoy,{BASE}"]


# --- what nobody else hears -------------------------------------------------------------------------


class Listener:
    """A server that keeps what it is told, and answers as it was told to."""

    def __init__(self, *answers: bytes) -> None:
        self.heard = b""
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldap://localhost:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    async def __aenter__(self) -> Listener:
        self._thread.start()
        return self

    async def __aexit__(self, *trouble: object) -> None:
        await asyncio.to_thread(self._thread.join, PATIENCE_SECONDS)  # all is heard once the client hung up
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, contextlib.suppress(OSError):
            for answer in self._answers:
                self.heard += connection.recv(65_536)
                connection.sendall(answer)
            while data := connection.recv(65_536):
                self.heard += data


STARTED = bytes.fromhex("300c02010178070a010004000400")
REFUSED = bytes.fromhex("300c02010178070a010204000400")


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        STARTED + bytes.fromhex("300c02010161070a010004000400"),  # and a forged success for the bind to come
        b"\xff\xff\xff",
        b"0\x84\xff\xff\xff\xff",
    ],
)
async def test_no_password_follows_a_start_tls_that_went_wrong(settings: LdapSettings, answer: bytes) -> None:
    async with Listener(answer) as listener:
        with pytest.raises(CheckUnavailable):
            await judged(replace(settings, servers=(listener.url,)), "alice", "wonderland")
    assert b"1.3.6.1.4.1.1466.20037" in listener.heard
    assert b"wonderland" not in listener.heard
    assert b"service secret" not in listener.heard


async def test_a_directory_that_talks_nonsense_is_trouble_not_a_wrong_password(settings: LdapSettings) -> None:
    for nonsense in (b"HTTP/1.1 400\r\n" * 10, b"0\x80\x00\x00", b"0\x03\x02\x01\x01", b"0\x05\x02\x01\x01\x61\x00"):
        async with Listener(nonsense) as listener:
            plain = replace(settings, servers=(listener.url,), encryption=LdapEncryption.EXCEPT_LOOPBACK)
            with pytest.raises(CheckUnavailable):
                await judged(plain, "alice", "wonderland")


async def test_who_may_not_read_its_own_entry_is_not_taken_for_one_that_is_not_disabled() -> None:
    unseen = [bytes.fromhex(f"300c0201{number:02x}65070a012004000400") for number in (2, 3)]  # noSuchObject
    async with Listener(bytes.fromhex("300c02010161070a010004000400"), *unseen) as listener:
        direct = LdapSettings(
            servers=(listener.url,),
            encryption=LdapEncryption.EXCEPT_LOOPBACK,
            user_dn="uid={login}," + BASE,
            disabled_filter="(employeeType=gone)",
        )
        with pytest.raises(CheckUnavailable, match="disabled_filter"):
            await judged(direct, "alice", "wonderland")


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"servers": ()}, "names no server"),
        ({"servers": ("http://ldap.example.org",)}, "not an LDAP address"),
        ({"servers": ("ldaps://ldap.example.org:99999",)}, "not an LDAP address"),
        ({"base": ""}, "base is needed"),
        ({"filter": "uid={login}"}, "a parenthesis was expected"),
        ({"filter": "(uid={user})"}, "{user} stands for nothing"),
        ({"filter": "(uid=\\zz)"}, "backslash"),
        ({"filter": "(&(uid={login})"}, "closing parenthesis"),
        ({"filter": "(uid={login}))"}, "follows the last"),
        ({"filter": "(!" * 40}, "too deep"),
        ({"filter": "(!(uid=a)(uid=b))"}, "holds one filter"),
        ({"user_dn": "uid=alice,dc=org"}, "names everybody the same"),
        ({"ca_file": Path("/nonexistent/ca.pem")}, "No such file"),
        ({"bind_password_file": None}, "needs auth.ldap.bind_password_file"),
    ],
)
def test_settings_that_can_not_work_are_told_before_serving(
    settings: LdapSettings, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(LdapUnusable) as told:
        LdapCheck(replace(settings, **changes), HeldClock(), Recorded())  # type: ignore[arg-type]  # a table of tests
    assert said in str(told.value)
    assert "service secret" not in str(told.value)
