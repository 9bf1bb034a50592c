"""ManageSieve (RFC 5804) without sockets: what a client says, what it hears."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.clock import HeldClock
from pillarbox.conversation import Then
from pillarbox.managesieve.conversation import ManageSieveConversation, ManageSieveServices
from pillarbox.managesieve.framer import Command, Framer, Unfit
from pillarbox.managesieve.limits import ManageSieveLimits
from pillarbox.managesieve.overture import ManageSieveOverture
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.memory import MemoryStore
from tests.lmtp.house import Paper
from tests.transcripts.memory import PASSWORD, USER, NoBugs, OneUser

LOGIN = b'AUTHENTICATE "PLAIN" "%b"\r\n' % base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
WRONG = b'AUTHENTICATE "PLAIN" "%b"\r\n' % base64.b64encode(f"\0{USER}\0wrong".encode())


class Room:
    """A server in memory."""

    def __init__(self, sieve: SieveLimits | None = None) -> None:
        self.events = NoBugs()
        self.store = MemoryStore(StoreLimits(), HeldClock())
        self.sieve = sieve or SieveLimits()
        self.services = ManageSieveServices(
            self.store, OneUser(), self.events, ManageSieveLimits(line_bytes=2000, drain_bytes=5000), self.sieve
        )

    async def talk(self, sent: bytes, cuts: Sequence[int] = ()) -> str:
        """All that the server says behind its greeting to a client that sends this and is gone then."""
        conversation, paper = ManageSieveConversation(self.services), Paper()
        running = asyncio.create_task(conversation.run(paper))
        for start, end in itertools.pairwise([0, *sorted(cuts), len(sent)]):
            conversation.receive(memoryview(sent)[start:end])
            await asyncio.sleep(0)
        conversation.receive_eof()
        await running
        assert self.events.bugs == []
        return bytes(paper.said).decode().split("\r\nOK\r\n", 1)[1]

    async def logged_in(self, sent: bytes, cuts: Sequence[int] = ()) -> str:
        said = await self.talk(LOGIN + sent, cuts)
        assert said.startswith('OK "Logged in"\r\n')
        return said.removeprefix('OK "Logged in"\r\n')


def put(name: str, script: bytes) -> bytes:
    return b'PUTSCRIPT "%b" {%d+}\r\n%b\r\n' % (name.encode(), len(script), script)


async def test_the_greeting_lists_capabilities() -> None:
    conversation, paper = ManageSieveConversation(Room().services), Paper()
    conversation.receive_eof()
    await conversation.run(paper)
    lines = bytes(paper.said).decode().split("\r\n")
    assert '"SASL" "PLAIN LOGIN"' in lines
    assert '"VERSION" "1.0"' in lines
    assert '"MAXREDIRECTS" "4"' in lines
    assert any(line.startswith('"SIEVE" "') and " vacation " in line for line in lines)
    assert lines[-2:] == ["OK", ""]


async def test_a_script_is_kept_listed_activated_renamed_and_removed() -> None:
    script = b'require "fileinto";\r\nfileinto "Lists";\r\n'
    said = await Room().logged_in(
        put("mine", script)
        + b'LISTSCRIPTS\r\nSETACTIVE "mine"\r\nLISTSCRIPTS\r\nDELETESCRIPT "mine"\r\n'
        + b'RENAMESCRIPT "mine" "ours"\r\nGETSCRIPT "ours"\r\nSETACTIVE ""\r\nDELETESCRIPT "ours"\r\nLISTSCRIPTS\r\n'
        + b"LOGOUT\r\nLISTSCRIPTS\r\n"
    )
    assert said.split("\r\n") == [
        'OK "Kept"',
        '"mine"',
        "OK",
        "OK",
        '"mine" ACTIVE',
        "OK",
        'NO (ACTIVE) "That script is active; deactivate it first"',
        "OK",
        f"{{{len(script)}}}",
        'require "fileinto";',
        'fileinto "Lists";',
        "",
        "OK",
        "OK",
        "OK",
        "OK",
        'OK "Goodbye"',
        "",
    ]


async def test_a_wrong_script_is_refused_by_line_and_column_and_the_old_one_stays() -> None:
    room = Room()
    said = await room.logged_in(put("mine", b"keep;") + put("mine", b"#comment\r\nInvalid;\r\nfileinto;\r\n"))
    assert said.startswith('OK "Kept"\r\nNO {')
    assert 'line 2, column 1: there is no command "invalid"\r\n' in said
    assert 'line 3, column 1: "fileinto" needs require "fileinto"; at the top' in said
    assert await room.logged_in(b'GETSCRIPT "mine"\r\n') == "{5}\r\nkeep;\r\nOK\r\n"


async def test_checkscript_keeps_nothing() -> None:
    said = await Room().logged_in(b"CHECKSCRIPT {5+}\r\nkeep;\r\nCHECKSCRIPT {4+}\r\nkeep\r\nLISTSCRIPTS\r\n")
    assert said.split("\r\n")[::2][:1] == ['OK "The script is right"']
    assert said.split("\r\n")[1].startswith('NO "line 1, column 5')
    assert said.endswith("\r\nOK\r\n")


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (b'GETSCRIPT "none"\r\n', 'NO (NONEXISTENT) "There is no script of that name"'),
        (b'SETACTIVE "none"\r\n', 'NO (NONEXISTENT) "There is no script of that name"'),
        (b'RENAMESCRIPT "a" "b"\r\n', 'NO (ALREADYEXISTS) "There is already a script of that name"'),
        (b'HAVESPACE "c" 10\r\n', 'NO (QUOTA/MAXSCRIPTS) "An account can have 2 scripts at most"'),
        (b'HAVESPACE "a" 10\r\n', "OK"),
        (b'HAVESPACE "a" 1001\r\n', 'NO (QUOTA/MAXSIZE) "A script can have 1000 bytes at most"'),
        (put("c", b"keep;"), 'NO (QUOTA/MAXSCRIPTS) "An account can have 2 scripts at most"'),
        (put("a", b"#" * 1001), 'NO (QUOTA/MAXSIZE) "The string is too long"'),
        (put("", b"keep;"), "NO \"A script's name can't be empty\""),
        (b'NOOP "ab\\"c"\r\n', 'OK (TAG "ab\\"c") "Done"'),
        (b"STARTTLS\r\n", 'NO "That is no ManageSieve command"'),
        (LOGIN, 'NO "You are logged in already"'),
        (b'GETSCRIPT "\xff"\r\n', 'NO "A name must be UTF-8"'),
        (b"GETSCRIPT\r\n", 'NO "Those are not the arguments of that command"'),
    ],
)
async def test_each_command_answers_with_its_code(sent: bytes, heard: str) -> None:
    room = Room(SieveLimits(scripts=2, script_bytes=1000))
    said = await room.logged_in(put("a", b"keep;") + put("b", b"keep;") + sent)
    assert said.split("\r\n")[2] == heard


async def test_nothing_is_served_before_login_and_after_unauthenticate() -> None:
    assert await Room().talk(b"LISTSCRIPTS\r\n") == 'NO "Log in first"\r\n'
    said = await Room().logged_in(b"UNAUTHENTICATE\r\nLISTSCRIPTS\r\n")
    assert said == 'OK\r\nNO "Log in first"\r\n'


async def test_the_owner_is_named_after_login_only() -> None:
    assert "OWNER" not in await Room().talk(b"CAPABILITY\r\n")
    assert f'"OWNER" "{USER}"' in await Room().logged_in(b"CAPABILITY\r\n")


async def test_authenticate_without_an_initial_response_asks_for_it() -> None:
    response = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    said = await Room().talk(b'AUTHENTICATE "PLAIN"\r\n{%d+}\r\n%b\r\n' % (len(response), response))
    assert said == '""\r\nOK "Logged in"\r\n'
    assert await Room().talk(b'AUTHENTICATE "PLAIN"\r\n"*"\r\n') == (
        '""\r\nNO "That is not base64, or the exchange was cancelled"\r\n'
    )


async def test_three_wrong_passwords_end_the_connection() -> None:
    said = await Room().talk(WRONG * 3 + LOGIN)
    assert said == 'NO "User name or password is wrong"\r\n' * 2 + 'BYE "Too many failed logins"\r\n'


async def test_what_is_too_long_to_be_read_ends_the_connection() -> None:
    assert await Room().talk(b"CAPABILITY " + b"x" * 3000) == 'BYE "The command is too long"\r\n'
    assert await Room().logged_in(b'PUTSCRIPT "a" {9999999999+}\r\n') == 'BYE "The command is too long"\r\n'


async def test_a_long_literal_before_login_is_drained() -> None:
    said = await Room().talk(b'AUTHENTICATE "PLAIN" {4500+}\r\n' + b"x" * 4500 + b"\r\nNOOP\r\n")
    assert said == 'NO "The string is too long"\r\nOK\r\n'


async def test_scripts_are_the_accounts_own() -> None:
    room = Room()
    await room.logged_in(put("mine", b"keep;"))
    other = await room.store.open(AccountId("other"))
    assert await other.properties(None, "sieve/") == {}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 150), max_size=6))
async def test_a_talk_may_be_cut_anywhere(cuts: list[int]) -> None:
    sent = put("mine", b'require "fileinto";\r\n') + b'NOOP "x"\r\nLISTSCRIPTS\r\n'
    whole = len(LOGIN + sent)
    said = await Room().logged_in(sent, [min(cut, whole) for cut in cuts])
    assert said == 'OK "Kept"\r\nOK (TAG "x") "Done"\r\n"mine"\r\nOK\r\n'


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_the_framer_takes_any_bytes(data: bytes) -> None:
    framer, limits = Framer(), ManageSieveLimits(line_bytes=100, drain_bytes=200)
    framer.feed(data)
    for _ in range(len(data) + 1):
        pulled = framer.pull(limits, 50)
        if pulled is None or pulled is Unfit.ENDLESS:
            return
        assert isinstance(pulled, Command | Unfit)
    pytest.fail("more commands than bytes")


def test_before_tls_nobody_can_log_in() -> None:
    overture = ManageSieveOverture(ManageSieveLimits(), SieveLimits())
    greeting = overture.greeting().decode().split("\r\n")
    assert '"SASL" ""' in greeting
    assert '"STARTTLS"' in greeting
    assert overture.receive(LOGIN) == (b'NO (ENCRYPT-NEEDED) "Say STARTTLS first"\r\n', Then.MORE)
    assert overture.receive(b"STARTTLS\r\n") == (b'OK "Begin TLS now"\r\n', Then.TLS)


def test_what_follows_starttls_in_clear_ends_the_connection() -> None:
    overture = ManageSieveOverture(ManageSieveLimits(), SieveLimits())
    said, then = overture.receive(b"STARTTLS\r\nNOOP\r\n")
    assert (said[:3], then) == (b"BYE", Then.OVER)


def test_many_mistakes_before_tls_end_the_connection() -> None:
    overture = ManageSieveOverture(ManageSieveLimits(mistakes=3), SieveLimits())
    said, then = overture.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert then is Then.OVER
    assert said.endswith(b'BYE "Too many commands that are none"\r\n')
