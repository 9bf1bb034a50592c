"""Commands of the transcripts, mutilated: octets changed, cut out, doubled, swapped between commands."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.imap.limits import ImapLimits
from tests.fuzz.seeds import client_commands
from tests.properties.commands import LOGIN, OPEN_MAILBOX
from tests.properties.recorder import converse, read_all
from tests.transcripts.memory import MemoryStage

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATIENT = ImapLimits(bad_commands=1_000, bad_commands_before_login=1_000, login_failures=1_000)
"""So that one bad command does not save the server from the next."""

WORDS = st.sampled_from(
    [
        *(
            b"(",
            b")",
            b'"',
            b"\\",
            b"{",
            b"}",
            b"{1}",
            b"{0+}",
            b"{5+}\r\n",
            b"~{3+}\r\n",
            b"*",
            b"%",
            b"$",
            b":",
            b",",
        ),
        *(b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\xc3\xbc", b"NIL", b"0", b"4294967296", b"18446744073709551616"),
        *(b"[", b"]", b"<", b"<0.1>", b" ", b"  ", b"-1", b"1:*", b"*:*", b"&", b"&-", b"BODY[", b"1.1.1", b"+", b"="),
        *(b"((((((((((((((((((((((", b"OR NOT ", b"DONE\r\n", b"A" * 300, b"1," * 300, b"\\Seen", b"UID ", b"FETCH "),
    ]
)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A few commands of the transcripts with some damage."""
    commands = draw(st.lists(st.sampled_from(client_commands()), min_size=1, max_size=6))
    data = bytearray(b"".join(commands))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["insert", "delete", "change", "word", "double"]))
        span = draw(st.integers(1, 12))
        if kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "delete":
            del data[at : at + span]
        elif kind == "change":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "word":
            data[at:at] = draw(WORDS)
        else:
            data[at:at] = data[at : at + span] * 3
    return bytes(data)


async def survives(before: bytes, damage: bytes) -> None:
    """The server answers legally, calls nothing a bug of its own, and ends when the client does."""
    stage = MemoryStage(limits=PATIENT)
    said = await converse(stage.services, [before + damage])
    assert stage.events.bugs == []
    read_all(said)
    said_by_other = await converse(stage.services, [b"z1 NOOP\r\n"])
    assert b"z1 OK " in said_by_other


@SETTINGS
@given(mutilated())
async def test_mutilated_commands_with_a_mailbox_open(damage: bytes) -> None:
    await survives(OPEN_MAILBOX, damage)


@SETTINGS
@given(mutilated())
async def test_mutilated_commands_after_login(damage: bytes) -> None:
    await survives(LOGIN + b"e ENABLE IMAP4rev2 UTF8=ACCEPT CONDSTORE\r\n", damage)


@SETTINGS
@given(mutilated())
async def test_mutilated_commands_of_a_stranger(damage: bytes) -> None:
    await survives(b"", damage)


@SETTINGS
@given(st.lists(WORDS | st.binary(max_size=8), max_size=40).map(b"".join))
async def test_no_command_at_all(noise: bytes) -> None:
    await survives(OPEN_MAILBOX, noise)
    await survives(b"", noise)


@SETTINGS
@given(st.lists(WORDS | st.binary(max_size=6), max_size=12).map(b"".join), st.sampled_from(["PLAIN", "LOGIN", "IDLE"]))
async def test_noise_where_a_line_was_asked_for(noise: bytes, mechanism: str) -> None:
    if mechanism == "IDLE":
        await survives(OPEN_MAILBOX + b"i IDLE\r\n", noise + b"\r\n")
    else:
        await survives(b"a AUTHENTICATE " + mechanism.encode() + b"\r\n", noise + b"\r\n" + noise)
