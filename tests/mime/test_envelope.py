"""ENVELOPE against known answers."""

from __future__ import annotations

from pillarbox.mime.digest import digest
from pillarbox.mime.limits import MimeLimits
from tests.mime.grammar import Value, read_envelope
from tests.mime.samples import crlf

DATE, SUBJECT, FROM, SENDER, REPLY_TO, TO, CC, BCC, IN_REPLY_TO, MESSAGE_ID = range(10)


def envelope(header: str | bytes) -> tuple[Value, ...]:
    return read_envelope(digest(crlf(header) + b"\r\n").envelope)


def to(value: str) -> Value:
    return envelope(f"To: {value}\n")[TO]


def test_the_example_of_rfc_9051_section_8() -> None:
    header = """\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev2 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.ed>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
"""
    gray = b'(("Terry Gray" NIL "gray" "cac.washington.edu"))'
    assert digest(crlf(header) + b"\r\n").envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
        + b" ".join((gray, gray, gray))
        + b' ((NIL NIL "imap" "cac.washington.edu"))'
        b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU"))'
        b' NIL NIL "<B27397-0100000@cac.washington.ed>")'
    )


def test_an_empty_message_has_an_envelope_of_nils() -> None:
    assert digest(b"").envelope == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_fields_that_are_there_but_empty_are_empty_strings_and_empty_lists_are_nil() -> None:
    got = envelope("Subject:\nDate: \nFrom:\nTo: \nCc: ,,\nBcc: (nobody)\n")
    assert got == (b"", b"", *[None] * 8)


def test_sender_and_reply_to_default_to_from_also_when_empty() -> None:
    alice = ((b"A", None, b"a", b"x"),)
    got = envelope("From: A <a@x>\nReply-To: ()\n")
    assert (got[FROM], got[SENDER], got[REPLY_TO]) == (alice, alice, alice)
    got = envelope("From: A <a@x>\nSender: s@x\n")
    assert (got[SENDER], got[REPLY_TO]) == (((None, None, b"s", b"x"),), alice)


def test_subject_has_single_spaces_and_keeps_encoded_words() -> None:
    assert envelope("Subject:   a   b\n\tc  \n")[SUBJECT] == b"a b c"
    assert envelope("Subject: =?utf-8?q?a?=\n =?utf-8?q?b?=\n")[SUBJECT] == b"=?utf-8?q?a?= =?utf-8?q?b?="


def test_of_doubled_fields_texts_the_last_counts_and_lists_are_joined() -> None:
    got = envelope("Subject: 1\nSubject: 2\nTo: a@x\nTo: b@x\nTo:\n")
    assert got[SUBJECT] == b"2"
    assert got[TO] == ((None, None, b"a", b"x"), (None, None, b"b", b"x"))


def test_names_come_from_phrases_quoted_strings_and_comments() -> None:
    assert to('"Q \\"u\\" d" <q@d>') == ((b'Q "u" d', None, b"q", b"d"),)
    assert to("John Q. Public <j@x>") == ((b"John Q. Public", None, b"j", b"x"),)
    assert to("a@b (Full (nested) Name)") == ((b"Full (nested) Name", None, b"a", b"b"),)
    assert to("Joe (comment) <j@x>") == ((b"Joe", None, b"j", b"x"),)
    assert to('"" <a@b>') == ((None, None, b"a", b"b"),)
    assert to("<a@b> (after)") == ((None, None, b"a", b"b"),)
    assert to("[List] Name <a@b>") == ((b"[List] Name", None, b"a", b"b"),)
    assert to("x@y <a@b>") == ((b"x@y", None, b"a", b"b"),)


def test_specs_with_quotes_routes_literals_and_spaces() -> None:
    assert to('"quoted local"@host') == ((None, None, b"quoted local", b"host"),)
    assert to('"a\\"b"@c') == ((None, None, b'a"b', b"c"),)
    assert to("<@r1,@r2:u@h>") == ((None, b"@r1,@r2", b"u", b"h"),)
    assert to("a@[IPv6:::1]") == ((None, None, b"a", b"[IPv6:::1]"),)
    assert to("a . b @ c . d") == ((None, None, b"a.b", b"c.d"),)
    assert to("< a @ b >") == ((None, None, b"a", b"b"),)


def test_groups_are_marked_by_nil_hosts() -> None:
    end = (None, None, None, None)
    assert to("G: a@b, C <c@d>;, e@f") == (
        (None, None, b"G", None),
        (None, None, b"a", b"b"),
        (b"C", None, b"c", b"d"),
        end,
        (None, None, b"e", b"f"),
    )
    assert to("undisclosed-recipients:;") == ((None, None, b"undisclosed-recipients", None), end)
    assert to("Open: a@b") == ((None, None, b"Open", None), (None, None, b"a", b"b"), end)


def test_what_is_missing_never_looks_like_a_group() -> None:
    assert to("nohost") == ((None, None, b"nohost", b"MISSING_DOMAIN"),)
    assert to("<>") == ((None, None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"),)
    assert to("@y") == ((None, None, b"MISSING_MAILBOX", b"y"),)
    assert to("first second") == ((b"first second", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"),)
    assert to("a b@c, d@e") == (
        (b"a b", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"),
        (None, None, b"d", b"e"),
    )


def test_broken_lists_give_what_they_have() -> None:
    a, b = (None, None, b"a", b"x"), (None, None, b"b", b"x")
    assert to("a@x,, b@x,") == (a, b)
    assert to("a@x; b@x") == (a, b)
    assert to("<a@x, <b@x>") == (a, b)
    assert to("a@x junk, b@x") == (a, b)
    assert to("a@x (unclosed, b@x") == (a,)
    assert to("a@x (ends in backslash \\") == (a,)
    assert to("a@x)") == (a,)
    assert to('"unclosed <a@x>') == ((b"unclosed <a@x>", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"),)


def test_eight_bit_and_controls_go_as_literals() -> None:
    written = digest("Subject: été\r\nFrom: ü <a@b>\r\n\r\n".encode()).envelope
    assert b"{5}\r\n" + "été".encode() in written
    assert b"{2}\r\n" + "ü".encode() in written
    assert b"{3}\r\na\x01b" in digest(b"Subject: a\x01b\r\n\r\n").envelope


def test_nul_is_replaced_since_nothing_can_carry_it() -> None:
    assert envelope(b"Subject: a\0b\n")[SUBJECT] == "a\N{REPLACEMENT CHARACTER}b".encode()


def test_very_long_strings_go_as_literals() -> None:
    assert b"{1001}\r\n" in digest(b"Subject: " + b"x" * 1001 + b"\r\n\r\n").envelope


def test_message_ids_are_unfolded() -> None:
    got = envelope("Message-ID:\n <a@b>\nIn-Reply-To: <c@d>\n <e@f>\n")
    assert (got[MESSAGE_ID], got[IN_REPLY_TO]) == (b"<a@b>", b"<c@d> <e@f>")


def test_names_may_have_space_before_the_colon_and_lines_may_be_junk() -> None:
    assert envelope("junk\nSubject : x\nfrom\t: a@b\n: y\n")[SUBJECT] == b"x"


def test_bare_line_feeds_end_lines_too() -> None:
    assert read_envelope(digest(b"Subject: a\n b\nTo: a@b\n\nTo: body@x\n").envelope)[SUBJECT] == b"a b"


def test_addresses_past_the_limit_are_left_out_and_groups_closed() -> None:
    header = b"To: G: " + b", ".join(b"u%d@x" % n for n in range(50)) + b"\r\n\r\n"
    addresses = read_envelope(digest(header, MimeLimits(addresses=10)).envelope)[TO]
    assert isinstance(addresses, tuple)
    assert len(addresses) == 11
    assert addresses[-1] == (None, None, None, None)
    plain = b"To: " + b", ".join(b"u%d@x" % n for n in range(50)) + b"\r\n\r\n"
    addresses = read_envelope(digest(plain, MimeLimits(addresses=10)).envelope)[TO]
    assert isinstance(addresses, tuple)
    assert len(addresses) == 10
