"""LMTP in memory: known answers from the RFCs, and what must be refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.lmtp.limits import LmtpLimits
from tests.lmtp.house import House, body, codes

BEGIN = b"LHLO foo.edu\r\n"
TO_ALICE = BEGIN + b"MAIL FROM:<chris@bar.com>\r\nRCPT TO:<alice@example.org>\r\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.build(tmp_path)


async def test_the_example_of_rfc_2033(house: House) -> None:
    """Section 4.2, with our texts: two recipients of three are accepted, so two replies follow the dot."""
    said = await house.talk(
        b"LHLO foo.edu\r\n"
        b"MAIL FROM:<chris@bar.com>\r\n"
        b"RCPT TO:<alice@example.org>\r\n"
        b"RCPT TO:<jones@example.org>\r\n"
        b"RCPT TO:<bob@example.org>\r\n"
        b"DATA\r\n"
        b"Subject: blah\r\n\r\nBlah blah blah...\r\n...etc. etc. etc.\r\n.\r\n"
        b"QUIT\r\n"
    )
    assert codes(said) == [
        "220", "250", "250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354", "250 2.0.0", "250 2.0.0", "221 2.0.0",
    ]  # fmt: skip
    [message] = await house.mail("bob")
    assert message.startswith(
        b"Return-Path: <chris@bar.com>\r\nDelivered-To: bob@example.org\r\nReceived: from foo.edu (local) by"
        b" mail.example.org with LMTP;\r\n\t"
    )
    assert body(message) == b"Subject: blah\r\n\r\nBlah blah blah...\r\n..etc. etc. etc.\r\n"


async def test_what_lhlo_offers(house: House) -> None:
    said = await house.talk(BEGIN)
    assert [line[4:] for line in said.split(b"\r\n")[2:-1]] == [
        b"PIPELINING", b"ENHANCEDSTATUSCODES", b"8BITMIME", b"SMTPUTF8", b"CHUNKING", b"SIZE 1044480",
    ]  # fmt: skip


async def test_helo_and_ehlo_are_refused_with_500(house: House) -> None:
    """RFC 2033 section 4.1: a client that takes this for SMTP must notice."""
    assert codes(await house.talk(b"HELO a\r\nEHLO a\r\nMAIL FROM:<a@b>\r\n"))[1:] == [
        "500 5.5.1", "500 5.5.1", "503 5.5.1",
    ]  # fmt: skip


async def test_data_without_a_recipient_is_503(house: House) -> None:
    """RFC 2033 section 4.2."""
    said = await house.talk(BEGIN + b"MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\nNOOP\r\n")
    assert codes(said)[3:] == ["550 5.1.1", "503 5.5.1", "250 2.0.0"]


async def test_the_chunks_of_rfc_3030(house: House) -> None:
    """Section 4.1: chunks are octets, a dot on its own is text, the last chunk may be empty."""
    said = await house.talk(
        TO_ALICE + b"RCPT TO:<bob@example.org>\r\nBDAT 25\r\nSubject: x\r\n\r\n.\r\nmore..\r\n"
        b"RCPT TO:<bob@example.org>\r\nDATA\r\nBDAT 5\r\nend\r\nBDAT 0 LAST\r\n"
    )
    assert codes(said)[5:] == ["250 2.0.0", "503 5.5.1", "503 5.5.1", "250 2.0.0", "250 2.0.0", "250 2.0.0"]
    assert [body(message) for message in await house.mail("alice")] == [b"Subject: x\r\n\r\n.\r\nmore..\r\nend\r\n"]


async def test_chunks_without_a_recipient_are_read_and_refused(house: House) -> None:
    said = await house.talk(BEGIN + b"BDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert codes(said)[2:] == ["503 5.5.1", "250 2.1.0", "503 5.5.1", "250 2.0.0"]


async def test_a_message_with_nothing_in_it_is_taken(house: House) -> None:
    assert codes(await house.talk(TO_ALICE + b"DATA\r\n.\r\n"))[-1] == "250 2.0.0"
    [message] = await house.mail("alice")
    assert body(message) == b"\r\n"


async def test_a_message_ends_at_crlf_dot_crlf_only(house: House) -> None:
    """What looks like an end to careless servers is text here, and no command is read from within it."""
    inside = b"Subject: x\r\n\r\n1\n.\nRSET\r\n2\r\n.\n3\n.\r\n4\r.\r5\r\n"
    said = await house.talk(TO_ALICE + b"DATA\r\n" + inside + b".\r\nNOOP\r\n")
    assert codes(said)[-2:] == ["250 2.0.0", "250 2.0.0"]
    [message] = await house.mail("alice")
    assert body(message) == b"Subject: x\r\n\r\n1\r\n.\r\nRSET\r\n2\r\n\r\n3\r\n.\r\n4\r.\r5\r\n"


async def test_bare_lf_becomes_crlf_and_nul_goes_and_eight_bits_stay(house: House) -> None:
    text = b"Subject: \xff\xfe\r\n\r\na\nb\0c\rd" + bytes(range(128, 256)) + b"\r\n"
    await house.talk(TO_ALICE + b"DATA\r\n" + text + b".\r\n")
    [message] = await house.mail("alice")
    assert body(message) == text.replace(b"a\nb\0c", b"a\r\nbc")


async def test_a_long_line_of_text_is_kept_as_it_is(house: House) -> None:
    text = b"Subject: x\r\n\r\n" + b"x" * 500_000 + b"\r\n"
    await house.talk(TO_ALICE + b"DATA\r\n" + text + b".\r\n")
    assert [body(message) for message in await house.mail("alice")] == [text]


async def test_text_without_a_header_gets_an_empty_line_before_it(house: House) -> None:
    await house.talk(TO_ALICE + b"DATA\r\njust words here\r\n.\r\n")
    [message] = await house.mail("alice")
    assert body(message) == b"\r\njust words here\r\n"


async def test_the_return_path_of_others_goes(house: House) -> None:
    await house.talk(TO_ALICE + b"DATA\r\nReturn-Path: <evil@x>\r\nSubject: y\r\n\r\nReturn-Path: stays\r\n.\r\n")
    [message] = await house.mail("alice")
    assert body(message) == b"Subject: y\r\n\r\nReturn-Path: stays\r\n"


async def test_a_message_over_the_limit_is_refused_at_mail_and_while_it_comes(house: House) -> None:
    most = house.store.limits.max_message_bytes
    said = await house.talk(BEGIN + b"MAIL FROM:<a@b> SIZE=%d\r\n" % most)
    assert codes(said)[-1] == "552 5.3.4"
    huge = b"x" * 70 + b"\r\n"
    for sending in (
        b"DATA\r\n" + huge * (most // 70) + b".\r\nNOOP\r\n",
        b"BDAT %d LAST\r\n" % most + b"x" * most + b"NOOP\r\n",
    ):
        said = await house.talk(TO_ALICE + b"RCPT TO:<bob>\r\n" + sending)
        assert codes(said)[-3:] == ["552 5.3.4", "552 5.3.4", "250 2.0.0"]
    assert await house.mail("alice") == []


async def test_endless_text_is_cut_off(house: House) -> None:
    house = replace(house, limits=LmtpLimits(drain_bytes=2 * 1024 * 1024))
    said = await house.talk(TO_ALICE + b"DATA\r\n" + b"x" * 3 * 1024 * 1024)
    assert codes(said)[-1] == "421 4.3.4"


async def test_a_client_that_dies_in_its_text_leaves_nothing(house: House) -> None:
    said = await house.talk(TO_ALICE + b"DATA\r\nSubject: x\r\n\r\nhalf a mess")
    assert codes(said)[-1] == "354"
    assert await house.mail("alice") == []


async def test_what_is_not_understood_is_told_and_counted(house: House) -> None:
    house = replace(house, limits=LmtpLimits(bad_commands=3, line_bytes=100))
    said = await house.talk(b"NONSENSE\r\nNOOP\n" + b"x" * 5000 + b"\r\nNOOP\r\n")
    assert codes(said)[1:] == ["500 5.5.1", "500 5.5.2", "500 5.5.2", "421 4.7.0"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"MAIL FROM:chris@bar.com", "501 5.5.2"),
        (b"MAIL FROM:<a b@c>", "501 5.5.2"),
        (b"MAIL FROM:<a@b> SIZE=x", "501 5.5.2"),
        (b"MAIL FROM:<a@b> BODY=BINARYMIME", "555 5.5.4"),
        (b"MAIL FROM:<a@b> HOLDFOR=3", "555 5.5.4"),
        (b"MAIL FROM:<\xc3\xa9@b>", "501 5.5.2"),
        (b"MAIL FROM:<\xff@b> SMTPUTF8", "501 5.5.2"),
        (b"MAIL FROM:<a@b>x", "501 5.5.2"),
        (b"MAIL FROM:<\xc3\xa9@b> SMTPUTF8 BODY=8BITMIME SIZE=9", "250 2.1.0"),
        (b"mail from: <a@b> RET=HDRS ENVID=x", "250 2.1.0"),
        (b"MAIL FROM:<>", "250 2.1.0"),
        (b'MAIL FROM:<"a > b"@c>', "250 2.1.0"),
        (b"MAIL FROM:<@relay,@other:a@b>", "250 2.1.0"),
        (b"VRFY alice", "252 2.5.0"),
        (b"HELP", "214 2.0.0"),
        (b"BDAT", "501 5.5.2"),
        (b"BDAT 1 FIRST", "501 5.5.2"),
        (b"BDAT -1", "501 5.5.2"),
        (b"LHLO", "501 5.5.4"),
    ],
)
async def test_single_commands(house: House, command: bytes, code: str) -> None:
    assert codes(await house.talk(BEGIN + command + b"\r\n"))[2:] == [code]


async def test_too_many_recipients_are_put_off(house: House) -> None:
    house = replace(house, limits=LmtpLimits(recipients=1))
    said = await house.talk(TO_ALICE + b"RCPT TO:<bob>\r\nDATA\r\n\r\n.\r\n")
    assert codes(said)[4:] == ["452 4.5.3", "354", "250 2.0.0"]


async def test_rset_and_lhlo_begin_anew(house: House) -> None:
    said = await house.talk(TO_ALICE + b"RSET\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nLHLO b\r\nDATA\r\n")
    assert codes(said)[4:] == ["250 2.0.0", "503 5.5.1", "250 2.1.0", "503 5.5.1", "250", "503 5.5.1"]


TALK = (
    TO_ALICE + b"RCPT TO:<bob>\r\nDATA\r\n..\r\n.x\r\n\n.\r\nSubject: x\r\n.\r\r\n..\r\n.\r\nRSET\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nBDAT 9\r\n\r\n.\r\nQUITBDAT 3 LAST\r\n\r\n.NONSENSE\r\nQUIT\r\n"
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(TALK)), max_size=12))
async def test_it_does_not_matter_where_the_input_is_cut(house: House, cuts: list[int]) -> None:
    before = len(await house.mail("bob"))
    said = await house.talk(TALK, cuts)
    assert codes(said)[-5:] == ["250 2.1.5", "250 2.0.0", "250 2.0.0", "500 5.5.1", "221 2.0.0"]
    mail = await house.mail("bob")
    assert [body(message) for message in mail[before:]] == [
        b"\r\n.\r\nx\r\n\r\n.\r\nSubject: x\r\n\r\r\n.\r\n",
        b"\r\n.\r\nQUIT\r\n.",
    ]
