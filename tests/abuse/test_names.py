"""Names and values from clients that want to be paths, lines or commands: security.md, attack 10."""

from __future__ import annotations

import re

import pytest

from tests.abuse.conftest import files_below
from tests.abuse.talk import RudeClient
from tests.differential.client import literal
from tests.differential.tokens import parse_fetch
from tests.servers.pillarbox_server import PillarboxServer

PATHS = (
    b"../../../../tmp/escape",
    b"..",
    b".",
    b"../INBOX",
    b"a/../../b",
    b"a/./b",
    b"/etc/passwd",
    b"/",
    b"//",
    b"a//b",
    b"~root/x",
    b"~",
    b"%2e%2e%2fx",
    b"..\\..\\x",
    b"C:\\x",
    b"\\\\host\\share",
    b"a/../..",
    b"con",
    b"nul.txt",
    b".pillarbox",
    b"-rf",
    b"$(touch x)",
    b"`touch x`",
    b"a;b",
    b"|x",
    b"x' OR '1'='1",
    b'x"; DROP TABLE mailbox; --',
    b"{5}",
    b"a b ",
    b" a",
    b"&ACE-/&ACE-",
    b"*",
    b"%",
    b"a%b",
    b"INBOX/../x",
    b"inbox/",
    b"a" * 256,
    b"a/" * 21 + b"a",
    b"x" * 60_000,
    b"",
)


@pytest.mark.parametrize("name", PATHS, ids=lambda name: repr(name[:30]))
def test_a_mailbox_name_never_becomes_a_path(server: PillarboxServer, guest: RudeClient, name: bytes) -> None:
    outside = server.data.parent
    before = {path for path in files_below(outside) if server.data not in path.parents}
    outcome = guest.try_command(b"CREATE " + literal(name))
    assert outcome.startswith(("OK", "NO", "BAD"))
    for verb in (b"SELECT ", b"STATUS ", b"SUBSCRIBE ", b"DELETE "):
        tail = b" (MESSAGES)" if verb == b"STATUS " else b""
        assert guest.try_command(verb + literal(name) + tail).startswith(("OK", "NO", "BAD"))
    guest.try_command(b"UNSUBSCRIBE " + literal(name))
    assert {path for path in files_below(outside) if server.data not in path.parents} == before
    assert not any(b"escape" in str(path).encode() for path in files_below(server.data))


@pytest.mark.parametrize(
    "name", [b"a" * 256, b"a/" * 21 + b"a", b"", b"*", b"a%", b"a//b", b"/", b"a\x00b", b"a\r\nb", b"a\x7fb"]
)
def test_names_that_cannot_be_are_refused(guest: RudeClient, name: bytes) -> None:
    assert guest.try_command(b"CREATE " + literal(name)).startswith(("NO", "BAD"))


@pytest.mark.parametrize(
    "name",
    [
        b"&",
        b"&AAA",
        b"&AA-",
        b"&A-",
        b"&AGE-",
        b"&ZeVnLIqe",
        b"&ZeVnLIqe-&ZeVnLIqe-",
        b"&2AA-",
        b"&3AA-",
        b"&2ADYAA-",
        b"&AAA-",
        b"&AA0ACg-",
        b"&====-",
        b"&*-",
        b"\xff",
        b"&/-",
        b"a&b",
        b"&-&",
        b"&AOQ",
        b"&AOR-",
        b"&Jjo!",
    ],
)
def test_invalid_mutf7_is_refused(guest: RudeClient, name: bytes) -> None:
    assert guest.try_command(b"CREATE " + literal(name)).startswith(("NO", "BAD"))


@pytest.mark.parametrize(
    "name", [b'say "hi"', b"back\\slash", b"curly{5}", b"(round)", b"NIL", b"a]b", b"&-", b"&AOQ-"]
)
def test_odd_but_allowed_names_come_back_as_one_legal_string(guest: RudeClient, name: bytes) -> None:
    guest.ok(b"CREATE " + literal(name))
    try:
        listed = [line for line in guest.ok(b'LIST "" "*"').untagged if line.startswith(b"* LIST")]
        quoted = b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        spellings = (name, quoted, b"{%d}\r\n%s" % (len(name), name))
        assert any(line.endswith(b" " + spelling) for line in listed for spelling in spellings), listed
        assert b"* LIST" in b"".join(guest.ok(b'LIST "" ' + literal(name)).untagged)
    finally:
        guest.ok(b"DELETE " + literal(name))


@pytest.mark.parametrize(
    "command",
    [
        b'ID ("name" {20+}\r\nx\r\n* BYE injected\r\n)',
        b"SEARCH CHARSET {20+}\r\nx\r\n* BYE injected\r\n ALL",
        b'CREATE "x\r\n* BYE injected"',
        b"SELECT {20+}\r\nx\r\n* BYE injected\r\n",
        b"STATUS {20+}\r\nx\r\n* BYE injected\r\n (MESSAGES)",
        b'LIST "" {20+}\r\nx\r\n* BYE injected\r\n',
        b"STORE 1 +FLAGS (x\r* BYE injected)",
        b"RENAME INBOX {20+}\r\nx\r\n* BYE injected\r\n",
        b"SUBSCRIBE {20+}\r\nx\r\n* BYE injected\r\n",
        b"FETCH 1 BODY[HEADER.FIELDS ({20+}\r\nx\r\n* BYE injected\r\n)]",
        b"NOSUCH\r* BYE injected",
        b"ENABLE X\r*",
        b"COPY 1 {20+}\r\nx\r\n* BYE injected\r\n",
    ],
)
def test_what_a_client_sends_never_becomes_a_line_of_the_answer(guest: RudeClient, command: bytes) -> None:
    guest.ok(b"APPEND INBOX " + literal(b"Subject: one\r\n\r\nx\r\n"))
    guest.ok(b"SELECT INBOX")
    guest.try_command(command)
    if guest.closed:
        return
    guest.flood([b"end NOOP\r\n"])
    lines = [guest.read_line()]
    while not lines[-1].startswith(b"end "):
        lines.append(guest.read_line())
    assert not any(line.startswith((b"* BYE injected", b" BYE injected", b"injected")) for line in lines), lines


INJECTING_LETTERS = (
    b"Subject: =?utf-8?Q?a=0D=0A*_BYE_injected=0D=0A?=\r\nFrom: =?utf-8?B?DQoqIEJZRSB4DQo=?= <a@b>\r\n\r\nx\r\n",
    b'Subject: a\r* BYE injected\rb\r\nFrom: "a\rb" <x@y>\r\n\r\nx\r\n',
    b'Subject: a\x00b "quoted" back\\slash {5}\r\nFrom: "{7}\r\n" <x@y>\r\n\r\nx\r\n',
    b'Subject: "\r\nFrom: "\\\r\nTo: \\"\r\nMessage-ID: "\r\nIn-Reply-To: )(\r\nDate: "\\\r\n\r\nx\r\n',
    b'Content-Type: text/plain; name*=utf-8\'\'%0D%0A*%20BYE; charset="a\\"b"; x="\r\n y"\r\n\r\nx\r\n',
    b'Content-Type: te"xt/pl\\ain\r\nContent-ID: "\\\r\n'
    b'Content-Description: )\r\nContent-Disposition: "; "="\r\n\r\nx\r\n',
    b'Content-Type: multipart/mixed; boundary="a\\"b"\r\n\r\n--a"b\r\nContent-Type: "/"\r\n\r\nx\r\n--a"b--\r\n',
    b'Content-Language: en", NIL)\r\nContent-Location: \xff\xfe\x80\r\nContent-MD5: \x01\x02\x1b[31m\r\n\r\nx\r\n',
    b'From: \xff\xfe <\x80@\x81>, "\xc3\xa4" <a@b>\r\nSubject: \xe4\xf6 {3}\r\n\r\n\xff\r\n',
    b"From: (" + b"\\" * 50 + b"\r\nTo: a (x\\\r\nSubject: s\r\n\r\nx\r\n",
)


@pytest.mark.parametrize("letter", INJECTING_LETTERS)
def test_what_a_letter_holds_never_breaks_the_answer(guest: RudeClient, letter: bytes) -> None:
    guest.ok(b"CREATE letters")
    try:
        # As literal8, since some letters hold NUL, which a plain literal may not.
        guest.ok(b"APPEND letters ~{%d+}\r\n%s" % (len(letter), letter))
        guest.ok(b"SELECT letters")
        items = b"UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[HEADER.FIELDS (Subject From)]"
        reply = guest.ok(b"FETCH 1 (%s)" % items)
        assert len(reply.untagged) == 1, reply.untagged
        fetched = parse_fetch(reply.untagged[0])
        assert fetched is not None
        assert fetched.items["RFC822.SIZE"] == len(letter)
        assert isinstance(fetched.items["ENVELOPE"], tuple)
        assert len(fetched.items["ENVELOPE"]) == 10
    finally:
        guest.ok(b"UNSELECT")
        guest.ok(b"DELETE letters")


def test_the_log_shows_no_secret_and_no_injected_line(server: PillarboxServer, stranger: RudeClient) -> None:
    stranger.try_command(b"LOGIN {26+}\r\nx\r\nlevel=critical injected hunter2hunter2")
    stranger.try_command(b'LOGIN "ann@example.org" "hunter2hunter2"')
    log = server.stderr()
    assert '"login": "ann@example.org"' in log
    assert "hunter2" not in log
    assert re.search(r"^level=critical", log, re.MULTILINE) is None
