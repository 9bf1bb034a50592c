"""What a stranger can send: security.md, limits before login and attacks 1, 2, 3, 12."""

from __future__ import annotations

import base64
import socket
import ssl

import pytest

from tests.abuse.conftest import memory_bytes
from tests.abuse.talk import LOGIN, RudeClient, repeated
from tests.servers.pillarbox_server import PillarboxServer

MEGABYTE = 1024 * 1024


def test_a_line_above_8_kib_is_refused_as_too_big_and_the_next_command_works(stranger: RudeClient) -> None:
    assert stranger.try_command(b"LOGIN " + b"a" * 9_000 + b" b") == "BAD TOOBIG"
    assert stranger.try_command(b"NOOP") == "OK"


@pytest.mark.parametrize("piece", [b"(", b"A", b"\x00", b"\xff", b'"', b"\\", b"a b ", b"{", b"\r"])
def test_an_endless_line_is_bounded_and_refused(stranger: RudeClient, piece: bytes) -> None:
    stranger.flood([b"a1 LOGIN "])
    stranger.flood(repeated(piece, 64 * MEGABYTE))
    stranger.flood([b"\r\n"])
    assert stranger.outcome(b"a1") in ("BAD TOOBIG", "BAD", "BYE")


@pytest.mark.parametrize("command", [b"LOGIN " + b"(" * 4000, b"ID " + b"(" * 4000, b"AUTHENTICATE " + b"(" * 4000])
def test_open_parentheses_before_login_are_a_syntax_error(stranger: RudeClient, command: bytes) -> None:
    assert stranger.try_command(command).startswith("BAD")


def test_endless_lines_of_parentheses_end_in_bye(stranger: RudeClient) -> None:
    stranger.flood(repeated(b"(" * 4000 + b"\r\n", 16 * MEGABYTE))
    assert stranger.outcome(b"none").startswith(("BAD", "BYE"))
    assert b"* BYE" in stranger.read_to_the_end()


def test_a_long_synchronising_literal_is_refused_without_go_ahead(stranger: RudeClient) -> None:
    assert stranger.try_command(b"LOGIN {1000000}") == "BAD TOOBIG"
    assert stranger.try_command(b"NOOP") == "OK"


@pytest.mark.parametrize("size", [1_025, 100_000, 900_000])
def test_commands_inside_an_oversized_literal_are_never_run(stranger: RudeClient, size: int) -> None:
    smuggled = (b"\r\nevil CAPABILITY\r\n" * (size // 19 + 1))[:size]
    stranger.flood([b"a1 LOGIN {%d+}\r\n" % size, smuggled, b" x\r\n", b"a2 NOOP\r\n"])
    assert stranger.outcome(b"a1") == "BAD TOOBIG"
    assert stranger.outcome(b"a2") == "OK"


@pytest.mark.parametrize("size", [b"2000000", b"99999999999", b"18446744073709551616"])
def test_a_literal_too_long_to_be_dropped_ends_the_connection(stranger: RudeClient, size: bytes) -> None:
    stranger.flood([b"a1 LOGIN {%s+}\r\n" % size])
    stranger.flood(repeated(b"\r\nevil CAPABILITY\r\n", 4 * MEGABYTE))
    said = stranger.read_to_the_end()
    assert b"* BYE" in said
    assert b"evil" not in said


@pytest.mark.parametrize("size", [b"-1", b"1x", b"", b"999999999999999999999999999999", b"1 0", b"0x10"])
def test_a_literal_size_that_is_no_number_is_a_syntax_error(stranger: RudeClient, size: bytes) -> None:
    assert stranger.try_command(b"LOGIN {%s}" % size).startswith(("BAD", "BYE"))


def test_thousands_of_empty_literals_are_refused(stranger: RudeClient) -> None:
    stranger.flood([b"a1 LOGIN", *[b" {0+}\r\n"] * 20_000, b"\r\n"])
    assert stranger.outcome(b"a1").startswith(("BAD", "BYE"))


def test_many_small_literals_before_login_do_not_add_up(stranger: RudeClient) -> None:
    stranger.flood([b"a1 LOGIN", *[b" {1024+}\r\n" + b"x" * 1024] * 900, b"\r\n"])
    assert stranger.outcome(b"a1").startswith(("BAD", "BYE"))


def test_three_bad_commands_end_the_connection(stranger: RudeClient) -> None:
    assert [stranger.try_command(b"NONSENSE") for _ in range(3)][:2] == ["BAD", "BAD"]
    assert b"* BYE" in stranger.read_to_the_end()


def test_three_failed_logins_end_the_connection(stranger: RudeClient) -> None:
    outcomes = [stranger.try_command(b"LOGIN nobody wrong") for _ in range(3)]
    assert outcomes[:2] == ["NO AUTHENTICATIONFAILED"] * 2
    assert outcomes[2] in ("NO AUTHENTICATIONFAILED", "BYE")
    assert stranger.closed or b"* BYE" in stranger.read_to_the_end()


def test_unknown_user_and_wrong_password_are_answered_alike(server: PillarboxServer) -> None:
    answers = []
    for name in (LOGIN[0].encode(), b"nobody@example.org"):
        with RudeClient(server) as client:
            answers.append(client.command(b'LOGIN "%s" wrong' % name))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "command",
    [
        b'LOGIN "a\x00b" c',
        b'LOGIN "a" "b\x00"',
        b"LOGIN {3+}\r\na\x00b c",
        b"LOGIN {4+}\r\na\r\nb c",
        b'LOGIN "\xff\xfe" x',
        b"LOGIN {2+}\r\n\xc3( x",
        b"LOGIN {1+}\r\n\xe2 x",
        b'LOGIN "a\rb" c',
        b'LOGIN "a\nb" c',
        b"LOGIN",
        b"LOGIN ",
        b"LOGIN a",
        b"LOGIN a ",
        b"LOGIN a b c",
        b"LOGIN a b ",
        b"LOGIN  a b",
        b'LOGIN "a b',
        b'LOGIN "a\\q" b',
        b"LOGIN (a) b",
        b"LOGIN {0+}\r\n {0+}\r\n",
        b"LOGIN NIL NIL",
        b"LOGIN %s x" % (b"u" * 1000),
        b"login\tfoo\tbar",
        b"\x00",
        b"LOGIN\x00a b",
    ],
)
def test_odd_logins_are_refused(stranger: RudeClient, command: bytes) -> None:
    assert stranger.try_command(command).startswith(("BAD", "NO", "BYE"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"=",
        b"====",
        b"!!!!",
        b"YQ",
        b"AGFubg==x",
        b"\x00\x00",
        b"\xff\xff",
        b"*",
        b"* ",
        b"AAAA" * 3000,
        base64.b64encode(b"no nul at all"),
        base64.b64encode(b"\0only-one"),
        base64.b64encode(b"\0a\0b\0c"),
        base64.b64encode(b"\0\xff\xfe\0secret"),
        base64.b64encode(b"\0ann\0" + b"p" * 5000),
        base64.b64encode(b"other@example.org\0ann@example.org\0correct horse battery"),
        base64.b64encode(b"\0ann@example.org\0correct horse battery\0"),
        base64.b64encode(b"\0ann@example.org\r\n\0x"),
        base64.b64encode(b"\0" * 3000),
    ],
)
@pytest.mark.parametrize("early", [True, False], ids=["initial response", "after the challenge"])
def test_broken_and_aborted_sasl_is_refused(stranger: RudeClient, line: bytes, early: bool) -> None:
    if early:
        outcome = stranger.try_command(b"AUTHENTICATE PLAIN " + line)
        if outcome == "+":  # an empty initial response asks for the challenge
            outcome = _answer(stranger, line)
    else:
        assert stranger.try_command(b"AUTHENTICATE PLAIN") == "+"
        outcome = _answer(stranger, line)
    assert outcome.startswith(("BAD", "NO", "BYE"))
    if not stranger.closed:
        assert stranger.try_command(b"SELECT INBOX").startswith("BAD"), "nobody is logged in"


def _answer(client: RudeClient, line: bytes) -> str:
    client.flood([line + b"\r\n"])
    return client.outcome(b"T%d" % client._count)


@pytest.mark.parametrize(
    "mechanism", [b"NOSUCH", b"LOGIN PLAIN x", b"", b"\xff", b"A" * 5000, b"EXTERNAL", b"ANONYMOUS"]
)
def test_other_mechanisms_are_refused(stranger: RudeClient, mechanism: bytes) -> None:
    assert stranger.try_command(b"AUTHENTICATE " + mechanism).startswith(("BAD", "NO", "+"))


@pytest.mark.parametrize(
    "command",
    [
        b"SELECT INBOX",
        b"EXAMINE INBOX",
        b"CREATE x",
        b"DELETE x",
        b"RENAME x y",
        b"SUBSCRIBE x",
        b"UNSUBSCRIBE x",
        b'LIST "" "*"',
        b'LSUB "" "*"',
        b"STATUS INBOX (MESSAGES)",
        b"APPEND INBOX {1+}\r\nx",
        b"CHECK",
        b"CLOSE",
        b"EXPUNGE",
        b"SEARCH ALL",
        b"FETCH 1 FLAGS",
        b"STORE 1 FLAGS ()",
        b"COPY 1 x",
        b"MOVE 1 x",
        b"UID FETCH 1 FLAGS",
        b"IDLE",
        b"ENABLE CONDSTORE",
        b"NAMESPACE",
        b"UNSELECT",
    ],
)
def test_no_command_that_needs_a_login_runs_without_one(stranger: RudeClient, command: bytes) -> None:
    assert stranger.try_command(command).startswith("BAD")


@pytest.mark.parametrize("tag", [b"", b" ", b"+", b"*", b"a+b", b"(x)", b'"x"', b"\xff", b"\x00", b"x" * 5000])
def test_bad_tags_are_refused_and_never_echoed_raw(stranger: RudeClient, tag: bytes) -> None:
    stranger.flood([tag + b" NOOP\r\n", b"good NOOP\r\n"])
    lines: list[bytes] = []
    while not lines or not lines[-1].startswith(b"good "):
        lines.append(stranger.read_response())
    assert all(line.startswith((b"* BAD", b"a BAD", b"good OK", b"x" * 100)) for line in lines), lines


@pytest.mark.parametrize(
    "data",
    [
        b"a LOGIN ann secret\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 4096,
        b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000,
        b"\r\n",
    ],
)
def test_plain_text_on_the_tls_port_gets_no_imap(server: PillarboxServer, data: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as plain:
        plain.sendall(data)
        said = b""
        try:
            while piece := plain.recv(4096):
                said += piece
        except ConnectionError:
            pass
    assert b"OK" not in said
    assert b"BYE" not in said


def test_plain_text_after_the_client_hello_is_not_taken_as_a_command(server: PillarboxServer) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(server.ca_file))
    hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with socket.create_connection((server.host, server.port), timeout=20) as plain:
        plain.sendall(outgoing.read() + b"a1 LOGOUT\r\na2 LOGOUT\r\n")
        said = b""
        try:
            while piece := plain.recv(4096):
                said += piece
        except ConnectionError:
            pass
    assert b"a1" not in said


def test_a_client_that_never_shakes_hands_is_closed(server: PillarboxServer) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as plain:
        assert plain.recv(100) == b""


def test_a_silent_stranger_is_told_goodbye_in_time(stranger: RudeClient) -> None:
    assert b"* BYE" in stranger.read_to_the_end()


@pytest.mark.parametrize("data", [b"a1 LOGIN aaaaaaa", b"a NOOP\r\n"])
def test_slow_loris_is_cut_off_however_busy_it_looks(stranger: RudeClient, data: bytes) -> None:
    assert b"* BYE" in stranger.drip(data, 0.1)


def test_a_stranger_that_never_reads_is_cut_off_and_takes_no_memory(server: PillarboxServer) -> None:
    before = memory_bytes(server)
    with RudeClient(server, timeout_seconds=0.2) as deaf:
        while ask_without_reading(deaf):
            assert memory_bytes(server) - before < 16 * MEGABYTE


def ask_without_reading(client: RudeClient) -> bool:
    """False when the server hung up."""
    try:
        client.send(b"a CAPABILITY\r\n" * 1_000)
    except TimeoutError:
        return True  # it takes no more for now
    except (ConnectionError, ssl.SSLEOFError):
        return False
    return True


def test_slow_tls_records_are_cut_off(server: PillarboxServer) -> None:
    with socket.create_connection((server.host, server.port), timeout=0.1) as plain:
        closed = False
        for value in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500:
            try:
                plain.sendall(bytes((value,)))
                closed = plain.recv(100) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
            if closed:
                break
        assert closed
