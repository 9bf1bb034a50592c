"""What a user, or somebody with a user's password, can send: security.md, limits after login and attacks 2, 7, 12."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.conftest import memory_bytes
from tests.abuse.talk import LOGIN, RudeClient, repeated
from tests.differential.client import literal
from tests.servers.pillarbox_server import PillarboxServer

MEGABYTE = 1024 * 1024


def test_a_line_above_64_kib_is_refused_and_the_next_command_works(guest: RudeClient) -> None:
    assert guest.try_command(b"SEARCH " + b"SEEN " * 20_000) == "BAD TOOBIG"
    assert guest.try_command(b"NOOP") == "OK"


@pytest.mark.parametrize("piece", [b"(", b"A", b"\x00", b"\xff", b"SEEN ", b"1,"])
def test_an_endless_line_is_bounded_and_refused(guest: RudeClient, piece: bytes) -> None:
    guest.flood([b"a1 SEARCH "])
    guest.flood(repeated(piece, 64 * MEGABYTE))
    guest.flood([b"\r\n"])
    assert guest.outcome(b"a1") in ("BAD TOOBIG", "BAD", "BYE")


def test_a_literal_above_128_kib_is_refused_without_go_ahead(guest: RudeClient) -> None:
    assert guest.try_command(b"SEARCH TEXT {131073}") == "BAD TOOBIG"
    assert guest.try_command(b"NOOP") == "OK"


def test_a_literal_that_was_not_asked_for_is_dropped_and_never_run(guest: RudeClient) -> None:
    smuggled = b"\r\nevil LOGOUT\r\n" * 20_000
    guest.flood([b"a1 CREATE {%d+}\r\n" % len(smuggled), smuggled, b"\r\na2 NOOP\r\n"])
    assert guest.outcome(b"a1") == "BAD TOOBIG"
    assert guest.outcome(b"a2") == "OK"


def test_literals_of_one_command_do_not_add_up_past_1_mib(guest: RudeClient) -> None:
    part = b" TEXT {100000+}\r\n" + b"x" * 100_000
    guest.flood([b"a1 SEARCH", *[part] * 12, b"\r\n"])
    assert guest.outcome(b"a1") in ("BAD TOOBIG", "BYE")


def test_more_than_a_thousand_literals_in_one_command_are_refused(guest: RudeClient) -> None:
    guest.flood([b"a1 SEARCH", *[b" TEXT {0+}\r\n"] * 1_100, b"\r\n"])
    assert guest.outcome(b"a1").startswith(("BAD", "BYE"))


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH " + b"(" * 17 + b"SEEN" + b")" * 17,
        b"SEARCH " + b"(" * 30_000,
        b"SEARCH " + b"NOT " * 15_000 + b"SEEN",
        b"SEARCH " + b"OR SEEN " * 7_000 + b"SEEN",
        b"SEARCH " + b"OR " * 20_000,
        b"SEARCH " + b"SEEN " * 12_000 + b"SEEN",
        b"FETCH 1 " + b"(" * 30_000,
        b"FETCH 1 (" + b"UID " * 15_000 + b"UID)",
        b"FETCH 1 BODY[HEADER.FIELDS (" + b"X-A " * 15_000 + b"X)]",
        b"FETCH 1 BODY[HEADER.FIELDS " + b"(" * 30_000,
        b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]",
        b"STORE 1 FLAGS " + b"(" * 30_000,
        b"STORE 1 FLAGS (" + b"k " * 30_000 + b"k)",
        b'LIST "" ' + b"(" * 30_000,
        b'LIST "" (' + b"a " * 30_000 + b"a)",
        b"LIST (" * 10_000,
        b"ID " + b"(" * 30_000,
        b"ID (" + b"".join(b'"n%d" "v" ' % number for number in range(4_000)) + b'"n" "v")',
        b"STATUS INBOX " + b"(" * 30_000,
        b"ENABLE " + b"X" * 30_000,
        b"APPEND INBOX " + b"(" * 30_000,
    ],
)
def test_deep_and_long_lists_are_refused(guest: RudeClient, command: bytes) -> None:
    guest.ok(b"SELECT INBOX")
    assert guest.try_command(command).startswith(("BAD", "NO", "BYE"))
    if not guest.closed:
        assert guest.try_command(b"NOOP") == "OK"


@pytest.mark.parametrize(
    "command",
    [
        b"FETCH 0 FLAGS",
        b"FETCH 4294967296 FLAGS",
        b"FETCH 1:99999999999999999999 FLAGS",
        b"FETCH -1 FLAGS",
        b"FETCH 1:2:3 FLAGS",
        b"FETCH , FLAGS",
        b"FETCH 1,,2 FLAGS",
        b"FETCH 1: FLAGS",
        b"FETCH :1 FLAGS",
        b"FETCH ** FLAGS",
        b"FETCH 1 ()",
        b"FETCH 1 BODY[]<0.0>",
        b"FETCH 1 BODY[]<1>",
        b"FETCH 1 BODY[]<-1.5>",
        b"FETCH 1 BODY[]<0.99999999999999999999999>",
        b"FETCH 1 BODY[0]",
        b"FETCH 1 BODY[1.]",
        b"FETCH 1 BODY[.1]",
        b"FETCH 1 BODY[1.MIME.1]",
        b"FETCH 1 BODY[MIME]",
        b"FETCH 1 BODY[HEADER.FIELDS]",
        b"FETCH 1 BODY[HEADER.FIELDS ()]",
        b"FETCH 1 BODY[HEADER.FIELDS (a b]",
        b"FETCH 1 BODY[",
        b"FETCH 1 BINARY[TEXT]",
        b"FETCH 1 NOSUCH",
        b"FETCH 1 FLAGS)",
        b"FETCH 1 (FLAGS",
        b"SEARCH UID 0",
        b"SEARCH SINCE 31-Foo-2020",
        b"SEARCH SINCE 99-Jan-2020",
        b"SEARCH LARGER -1",
        b"SEARCH LARGER 1e9",
        b"SEARCH LARGER 999999999999999999999999",
        b"SEARCH OLDER 0",
        b"SEARCH KEYWORD \\Seen",
        b"SEARCH HEADER x",
        b"SEARCH MODSEQ -5",
        b"SEARCH RETURN (",
        b"SEARCH RETURN (NOSUCH) ALL",
        b"SEARCH CHARSET",
        b"SEARCH",
        b"STORE 1 FLAGS (a\x00b)",
        b"STORE 1 FLAGS (\xff)",
        b"STORE 1 FLAGS (\\)",
        b"STORE 1 FLAGS (a(b)",
        b"STORE 1 NOSUCH (a)",
        b"STORE 1 (UNCHANGEDSINCE -1) FLAGS (a)",
        b'STORE 1 FLAGS ("a")',
        b"STORE 1 FLAGS (" + b"k" * 1000 + b")",
        b"STATUS INBOX ()",
        b"STATUS INBOX (NOSUCH)",
        b"STATUS INBOX MESSAGES",
        b"ENABLE",
        b"UID",
        b"UID NOOP",
        b"UID FETCH",
        b"NOOP x",
        b"APPEND INBOX",
        b'APPEND INBOX "99-Jan-2020 00:00:00 +0000" {1+}\r\nx',
        b'APPEND INBOX "01-Jan-2020 25:61:61 +9999" {1+}\r\nx',
        b"APPEND INBOX (a",
        b"APPEND INBOX {1+}\r\nxx",
        b"LIST",
        b'LIST "" "*" RETURN (NOSUCH)',
        b"LIST \xff *",
        b'LIST "" "a\x00b"',
        b"COPY 1",
        b"MOVE 0 INBOX",
        b"CREATE",
        b"RENAME a",
    ],
)
def test_bad_arguments_are_refused_and_the_session_goes_on(guest: RudeClient, command: bytes) -> None:
    guest.ok(b"APPEND INBOX " + literal(b"Subject: one\r\n\r\nx\r\n"))
    guest.ok(b"SELECT INBOX")
    assert guest.try_command(command).startswith(("BAD", "NO"))
    assert guest.try_command(b"NOOP") == "OK"


@pytest.mark.parametrize(
    "command",
    [
        b"UID FETCH 1:4294967295 FLAGS",
        b"UID FETCH 4294967295:* FLAGS",
        b"UID FETCH " + b"1:4294967295," * 4_000 + b"1 UID",
        b"SEARCH UID " + b"1:4294967295," * 4_000 + b"1",
        b"UID SEARCH UID 1:4294967295",
        b"UID COPY 900:4294967295 INBOX",
        b"UID EXPUNGE 900:4294967295",
        b"UID STORE 900:4294967295 FLAGS ()",
        b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>",
        b"FETCH 1 BODY.PEEK[1.2.3.4.5.6.7.8.9.4294967295]",
        b"FETCH 1 BODY.PEEK[99999.HEADER]",
    ],
)
def test_huge_numbers_that_are_allowed_cost_nothing(guest: RudeClient, command: bytes) -> None:
    guest.ok(b"APPEND INBOX " + literal(b"Subject: one\r\n\r\nx\r\n"))
    guest.ok(b"SELECT INBOX")
    assert guest.try_command(command).startswith(("OK", "NO", "BAD"))
    assert guest.try_command(b"NOOP") == "OK"


def test_twenty_bad_commands_end_the_connection(guest: RudeClient) -> None:
    outcomes = [guest.try_command(b"NONSENSE") for _ in range(20)]
    assert outcomes[:19] == ["BAD"] * 19
    assert guest.closed or b"* BYE" in guest.read_to_the_end()


def test_a_message_above_the_limit_is_refused_before_it_is_sent(guest: RudeClient) -> None:
    assert guest.try_command(b"APPEND INBOX {52428801}") == "NO TOOBIG"
    assert guest.try_command(b"NOOP") == "OK"


def test_a_message_above_the_limit_that_comes_unasked_ends_the_connection(guest: RudeClient) -> None:
    guest.flood([b"a1 APPEND INBOX {999999999+}\r\n"])
    guest.flood(repeated(b"\r\nevil LOGOUT\r\n", 8 * MEGABYTE))
    said = guest.read_to_the_end()
    assert b"* BYE" in said
    assert b"evil" not in said


def test_a_big_message_is_not_held_in_memory(server: PillarboxServer, guest: RudeClient) -> None:
    before = memory_bytes(server)
    size = 48 * MEGABYTE
    guest.flood([b"a1 APPEND INBOX {%d+}\r\n" % size])
    guest.flood(repeated(b"x" * 1022 + b"\r\n", size - 65_536))
    assert memory_bytes(server) - before < 24 * MEGABYTE
    guest.close()


def test_appends_broken_off_leave_no_staged_files(server: PillarboxServer) -> None:
    for _ in range(5):
        with RudeClient(server) as client:
            client.login(*LOGIN)
            client.flood([b"a1 APPEND INBOX {30000000+}\r\n"])
            client.flood(repeated(b"x" * 1024, MEGABYTE))
    with RudeClient(server) as client:
        client.login(*LOGIN)
        client.ok(b"LOGOUT")
    assert [path for path in server.data.rglob("staging/*") if path.stat().st_size > 0] == []


def test_too_many_and_too_long_keywords_are_refused(guest: RudeClient) -> None:
    guest.ok(b"APPEND INBOX " + literal(b"Subject: one\r\n\r\nx\r\n"))
    guest.ok(b"SELECT INBOX")
    assert guest.try_command(b"STORE 1 +FLAGS (%s)" % (b"k" * 65)).startswith("NO")
    outcomes = {guest.try_command(b"STORE 1 +FLAGS.SILENT (word%d)" % number) for number in range(210)}
    assert outcomes == {"OK", "NO LIMIT"}


@pytest.mark.parametrize("line", [b"", b"NOT DONE", b"a2 NOOP", b"\xff\x00", b"x" * 70_000])
def test_anything_but_done_ends_idle_with_bad_or_bye(guest: RudeClient, line: bytes) -> None:
    assert guest.try_command(b"IDLE") == "+"
    guest.flood([line + b"\r\n"])
    assert guest.outcome(b"T%d" % guest._count).startswith(("BAD", "BYE"))


# --- output that nobody reads ----------------------------------------------------------------------


@pytest.fixture
def full_mailbox(guest: RudeClient) -> Iterator[bytes]:
    """40 messages of 1 MB."""
    guest.ok(b"CREATE full")
    message = b"Subject: big\r\n\r\n" + (b"y" * 76 + b"\r\n") * 13_000
    for _ in range(40):
        guest.ok(b"APPEND full " + literal(message))
    yield b"full"
    guest.ok(b"DELETE full")


def test_a_client_that_does_not_read_is_dropped_and_takes_no_memory(
    server: PillarboxServer, full_mailbox: bytes
) -> None:
    before = memory_bytes(server)
    with RudeClient(server, timeout_seconds=30) as deaf:
        deaf.login(*LOGIN)
        deaf.ok(b"SELECT " + full_mailbox)
        # It keeps asking and never reads; the sockets fill, the server stops reading, at last it hangs up.
        requests = [deaf._count, *range(2_000)]
        deaf.socket.settimeout(0.2)
        dropped = False
        for number in requests * 100:
            try:
                deaf.send(b"n%d FETCH 1:* BODY.PEEK[]\r\n" % number)
            except TimeoutError:
                assert memory_bytes(server) - before < 16 * MEGABYTE
                continue
            except OSError:
                dropped = True
                break
        assert dropped


def test_thousands_of_pipelined_commands_are_answered_in_order(guest: RudeClient) -> None:
    count = 20_000
    guest.flood(b"p%d NOOP\r\n" % number for number in range(count))
    for number in range(count):
        assert guest.read_response().startswith(b"p%d OK" % number)


# --- connections -----------------------------------------------------------------------------------


def test_more_connections_than_allowed_are_turned_away_and_the_rest_is_served(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[net]\nmax_connections_per_address = 5\n")
    with PillarboxServer(tmp_path / "data", config=config, workers=2) as small:
        small.add_account(*LOGIN)
        kept = [RudeClient(small, timeout_seconds=20) for _ in range(5)]
        with pytest.raises(OSError):  # closed, with or without a word, before or after the handshake
            RudeClient(small, timeout_seconds=20).ok(b"NOOP")
        kept[0].login(*LOGIN)
        for client in kept:
            client.close()


def test_an_account_has_so_many_connections_over_all_workers_and_a_closed_one_makes_room(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[net]\nmax_connections_per_user = 4\n")
    with PillarboxServer(tmp_path / "data", config=config, workers=2) as small:
        small.add_account(*LOGIN)
        kept = [RudeClient(small, timeout_seconds=30) for _ in range(4)]
        for client in kept:
            client.login(*LOGIN)
        with RudeClient(small, timeout_seconds=30) as late:
            login = b'LOGIN %s "%s"' % tuple(each.encode() for each in LOGIN)
            assert late.try_command(login) == "NO LIMIT"
            kept.pop().ok(b"UNAUTHENTICATE")
            assert late.try_command(login).startswith("OK")
        for client in kept:
            client.close()


def test_an_idle_session_is_told_goodbye(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[net]\nidle_timeout_seconds = 2\nsweep_interval_seconds = 0.2\n")
    with PillarboxServer(tmp_path / "data", config=config) as impatient:
        impatient.add_account(*LOGIN)
        with RudeClient(impatient, timeout_seconds=20) as client:
            client.login(*LOGIN)
            assert b"* BYE" in client.read_to_the_end()
