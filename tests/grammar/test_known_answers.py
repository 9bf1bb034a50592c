"""The grammar reads what the RFCs give as examples (and, where an RFC example is not legal, says so)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.grammar import Dialect, parse_greeting, parse_response
from tests.grammar.tree import (
    Address,
    AuthorisedUrls,
    Capabilities,
    Change,
    Code,
    Continuation,
    Enabled,
    Envelope,
    ESearch,
    Exists,
    Expunge,
    Extension,
    Fetch,
    FetchedUrl,
    FetchedUrls,
    Flags,
    Identification,
    Languages,
    Listed,
    MailboxStatus,
    Multipart,
    NamespaceEntry,
    Namespaces,
    Part,
    Recent,
    Response,
    Search,
    Sort,
    Status,
    Thread,
    Vanished,
)

SIMPLE: list[tuple[bytes, Response]] = [
    (b"* SORT 2 84 882", Sort((2, 84, 882))),
    (b"* SORT", Sort(())),
    (b"* SORT 5 3 4 (MODSEQ 917162500)", Sort((5, 3, 4), 917162500)),
    (b"* THREAD", Thread("", ())),
    (b"* THREAD (2)(3 6 (4 23)(44 7 96))", Thread("(2)(3 6 (4 23)(44 7 96))", (2, 3, 6, 4, 23, 44, 7, 96))),
    (b"* THREAD ((3)(5))", Thread("((3)(5))", (3, 5))),
    (
        b'* ESEARCH (TAG "C01") UID ADDTO (1 2733) ADDTO (1 2731:2732)',
        ESearch("C01", True, {}, (("ADDTO", (Change(1, ((2733, 2733),)),)), ("ADDTO", (Change(1, ((2731, 2732),)),)))),
    ),
    (
        b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 32768 2 7)',
        ESearch("B01", True, {}, (("REMOVEFROM", (Change(0, ((32768, 32768),)), Change(2, ((7, 7),)))),)),
    ),
    (
        b'* ESEARCH (TAG "tag1" MAILBOX "folder2/banana" UIDVALIDITY 503) UID ALL 3002,4004',
        ESearch(
            "tag1",
            True,
            {"ALL": ((3002, 3002), (4004, 4004))},
            about={"MAILBOX": "folder2/banana", "UIDVALIDITY": 503},
        ),
    ),
    (b'* NO [NOUPDATE "B02"] Too many contexts', Status(None, "NO", Code("NOUPDATE", ("B02",)), "Too many contexts")),
    (b"* OK IMAP4rev1 Service Ready", Status(None, "OK", None, "IMAP4rev1 Service Ready")),
    (
        b"* PREAUTH IMAP4rev2 server logged in as Smith",
        Status(None, "PREAUTH", None, "IMAP4rev2 server logged in as Smith"),
    ),
    (b"* BYE Autologout; idle for too long", Status(None, "BYE", None, "Autologout; idle for too long")),
    (b"a001 OK LOGIN completed", Status("a001", "OK", None, "LOGIN completed")),
    (b"a2 OK [READ-WRITE] SELECT completed", Status("a2", "OK", Code("READ-WRITE"), "SELECT completed")),
    (
        b"* OK [UNSEEN 12] Message 12 is first unseen",
        Status(None, "OK", Code("UNSEEN", (12,)), "Message 12 is first unseen"),
    ),
    (
        b"* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited",
        Status(None, "OK", Code("PERMANENTFLAGS", ("\\Deleted", "\\Seen", "\\*")), "Limited"),
    ),
    (b"* OK [PERMANENTFLAGS ()] No", Status(None, "OK", Code("PERMANENTFLAGS", ()), "No")),
    (
        b"A003 OK [APPENDUID 38505 3955] APPEND completed",
        Status("A003", "OK", Code("APPENDUID", (38505, ((3955, 3955),))), "APPEND completed"),
    ),
    (
        b"A003 OK [APPENDUID 38505 3955:3957] APPEND completed",
        Status("A003", "OK", Code("APPENDUID", (38505, ((3955, 3957),))), "APPEND completed"),
    ),
    (
        b"A004 OK [COPYUID 38505 304,319:320 3956:3958] Done",
        Status("A004", "OK", Code("COPYUID", (38505, ((304, 304), (319, 320)), ((3956, 3958),))), "Done"),
    ),
    (b"d105 OK [MODIFIED 7,9] failed", Status("d105", "OK", Code("MODIFIED", (((7, 7), (9, 9)),)), "failed")),
    (b"* OK [HIGHESTMODSEQ 715194045007] x", Status(None, "OK", Code("HIGHESTMODSEQ", (715194045007,)), "x")),
    (b"a NO [BADCHARSET (UTF-8 US-ASCII)] x", Status("a", "NO", Code("BADCHARSET", ("UTF-8", "US-ASCII")), "x")),
    (b"a NO [BADCHARSET] x", Status("a", "NO", Code("BADCHARSET"), "x")),
    (b"a NO [UNKNOWN-CTE] x", Status("a", "NO", Code("UNKNOWN-CTE"), "x")),
    (b"+ Ready for additional command text", Continuation("Ready for additional command text")),
    (b"+ VXNlcm5hbWU6", Continuation("VXNlcm5hbWU6")),
    (b"+ ", Continuation("")),
    (b"+ idling", Continuation("idling")),
    (b"* ENABLED CONDSTORE QRESYNC", Enabled(("CONDSTORE", "QRESYNC"))),
    (b"* ENABLED", Enabled(())),
    (b"* CAPABILITY IMAP4rev1 IMAP4rev2 AUTH=PLAIN", Capabilities(("IMAP4rev1", "IMAP4rev2", "AUTH=PLAIN"))),
    (b"* FLAGS (\\Answered \\Flagged $Forwarded)", Flags(frozenset(["\\Answered", "\\Flagged", "$Forwarded"]))),
    (b'* LIST (\\Noselect) "/" ~/Mail/foo', Listed("LIST", frozenset(["\\Noselect"]), "/", "~/Mail/foo")),
    (b'* LIST () "/" INBOX ("OLDNAME" ("inbox"))', Listed("LIST", frozenset(), "/", "INBOX", old_name="inbox")),
    (
        b'* LIST (\\NonExistent \\HasChildren) "/" Foo (CHILDINFO ("SUBSCRIBED"))',
        Listed("LIST", frozenset(["\\NonExistent", "\\HasChildren"]), "/", "Foo", frozenset(["SUBSCRIBED"])),
    ),
    (b"* LIST () NIL Foo", Listed("LIST", frozenset(), None, "Foo")),
    (b'* LIST () "\\\\" Foo', Listed("LIST", frozenset(), "\\", "Foo")),
    (b'* LSUB () "." #news.comp.mail.misc', Listed("LSUB", frozenset(), ".", "#news.comp.mail.misc")),
    (
        b'* LIST () "/" "~peter/mail/&U,BTFw-/&ZeVnLIqe-"',
        Listed("LIST", frozenset(), "/", "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e"),
    ),
    (
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
        MailboxStatus("blurdybloop", {"MESSAGES": 231, "UIDNEXT": 44292}),
    ),
    (b"* STATUS {4}\r\na\\b! ()", MailboxStatus("a\\b!", {})),
    (
        b"* STATUS a (APPENDLIMIT NIL SIZE 9223372036854775807)",
        MailboxStatus("a", {"APPENDLIMIT": None, "SIZE": 2**63 - 1}),
    ),
    (b"* SEARCH 2 3 6", Search((2, 3, 6))),
    (b"* SEARCH", Search(())),
    (b"* SEARCH 2 5 (MODSEQ 917162500)", Search((2, 5), 917162500)),
    (b'* ESEARCH (TAG "A282") MIN 2 COUNT 3', ESearch("A282", False, {"MIN": 2, "COUNT": 3})),
    (
        b'* ESEARCH (TAG "A285") UID ALL 43:46,9 MODSEQ 5',
        ESearch("A285", True, {"ALL": ((43, 46), (9, 9)), "MODSEQ": 5}),
    ),
    (b'* ESEARCH (TAG "a")', ESearch("a", False, {})),
    (
        b'* ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)',
        ESearch("B1", False, {"ALL": ((1, 1), (5, 5), (10, 10)), "RELEVANCY": (4, 99, 42)}),
    ),
    (b"* ESEARCH UID COUNT 17", ESearch(None, True, {"COUNT": 17})),
    (
        b'* NAMESPACE (("" "/")) (("~" "/")) NIL',
        Namespaces((NamespaceEntry(b"", "/"),), (NamespaceEntry(b"~", "/"),), None),
    ),
    (b'* ID ("name" "Cyrus" "os" NIL)', Identification({"name": b"Cyrus", "os": None})),
    (b"* ID NIL", Identification(None)),
    (b"a OK [MAILBOXID (F2212ea87-6097)] ok", Status("a", "OK", Code("MAILBOXID", ("F2212ea87-6097",)), "ok")),
    (b"* STATUS foo (MAILBOXID (F22))", MailboxStatus("foo", {"MAILBOXID": "F22"})),
    (b'* ESEARCH (TAG "A") UID PARTIAL (-1:-100 200,250)', ESearch("A", True, {"PARTIAL": ((200, 200), (250, 250))})),
    (b'* ESEARCH (TAG "A") UID PARTIAL (23500:24000 NIL)', ESearch("A", True, {"PARTIAL": ()})),
    (b"* 25996 UIDFETCH (FLAGS ())", Fetch(25996, {"FLAGS": frozenset()}, by_uid=True)),
    (b"* 3 FETCH (EMAILID (M6d99) THREADID NIL)", Fetch(3, {"EMAILID": "M6d99", "THREADID": None})),
    (b'* 3 FETCH (PREVIEW "" SAVEDATE NIL)', Fetch(3, {"PREVIEW": b"", "SAVEDATE": None})),
    (b"* 23 EXISTS", Exists(23)),
    (b"* 0 EXISTS", Exists(0)),
    (b"* 5 RECENT", Recent(5)),
    (b"* 44 EXPUNGE", Expunge(44)),
    (b"* VANISHED (EARLIER) 41,43:116", Vanished(True, ((41, 41), (43, 116)))),
    (b"* LANGUAGE (EN DE IT i-default)", Languages(("EN", "DE", "IT", "i-default"))),
    (b'* OK [INPROGRESS ("A001" 454 1000)] x', Status(None, "OK", Code("INPROGRESS", ("A001", 454, 1000)), "x")),
    (b'* OK [INPROGRESS ("A001" NIL NIL)] x', Status(None, "OK", Code("INPROGRESS", ("A001", None, None)), "x")),
    (b"* OK [INPROGRESS] x", Status(None, "OK", Code("INPROGRESS"), "x")),
    (
        b'* GENURLAUTH "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:'
        b'91354a473744909de610943775f9203801"',
        AuthorisedUrls(
            (
                b"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:"
                b"91354a473744909de610943775f9203801",
            )
        ),
    ),
    (b'* URLFETCH "imap://a" {2}\r\nhi "imap://b" NIL', FetchedUrls({b"imap://a": b"hi", b"imap://b": None})),
    (b"* URLFETCH imap://a (BINARY ~{1}\r\n\0) (BODY NIL)", FetchedUrl(b"imap://a", {"BINARY": b"\0", "BODY": None})),
    (b"* VANISHED 5", Vanished(False, ((5, 5),))),
]


@pytest.mark.parametrize(
    ("line", "expected"), SIMPLE, ids=lambda value: value[:50].decode() if isinstance(value, bytes) else ""
)
def test_a_legal_line_gives_its_value(line: bytes, expected: Response) -> None:
    assert expected == parse_response(line + b"\r\n")


def fetch(items: bytes, dialect: Dialect = Dialect.ASCII) -> dict[str, object]:
    found = parse_response(b"* 12 FETCH (" + items + b")\r\n", dialect)
    assert isinstance(found, Fetch)
    assert found.number == 12
    return dict(found.items)


def test_plain_items_of_fetch() -> None:
    assert {
        "FLAGS": frozenset(["\\Seen", "\\Recent", "$Work"]),
        "INTERNALDATE": datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=-7))),
        "RFC822.SIZE": 4286,
        "UID": 9,
        "MODSEQ": 624140003,
    } == fetch(
        b'FLAGS (\\Seen \\Recent $Work) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 UID 9 '
        b"MODSEQ (624140003)"
    )


def test_a_single_digit_day_is_padded_with_a_space() -> None:
    found = fetch(b'INTERNALDATE " 1-Feb-2024 10:00:00 +0530"')
    assert datetime(2024, 2, 1, 10, tzinfo=timezone(timedelta(hours=5, minutes=30))) == found["INTERNALDATE"]


def test_envelope_of_rfc_9051_section_8() -> None:
    raw = (
        b'ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        b'"<B27397-0100000@cac.washington.ed>")'
    )
    gray = (Address(b"Terry Gray", None, b"gray", b"cac.washington.edu"),)
    assert (
        Envelope(
            b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
            b"IMAP4rev2 WG mtg summary and minutes",
            gray,
            gray,
            gray,
            (Address(None, None, b"imap", b"cac.washington.edu"),),
            (
                Address(None, None, b"minutes", b"CNRI.Reston.VA.US"),
                Address(b"John Klensin", None, b"KLENSIN", b"MIT.EDU"),
            ),
            None,
            None,
            b"<B27397-0100000@cac.washington.ed>",
        )
        == fetch(raw)["ENVELOPE"]
    )


def test_a_group_opens_and_closes() -> None:
    group = b'((NIL NIL "friends" NIL)(NIL NIL "a" "b.example")(NIL NIL NIL NIL))'
    raw = b"ENVELOPE (NIL NIL NIL NIL NIL " + group + b" NIL NIL NIL NIL)"
    envelope = fetch(raw)["ENVELOPE"]
    assert isinstance(envelope, Envelope)
    assert envelope.to is not None
    assert [one.mailbox for one in envelope.to] == [b"friends", b"a", None]


def test_body_of_rfc_9051_section_7() -> None:
    raw = (
        b'BODY (("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>" '
        b'"Compiler diff" "BASE64" 4554 73) "MIXED")'
    )
    first = Part((b"TEXT", b"PLAIN"), ((b"CHARSET", b"US-ASCII"),), None, None, b"7BIT", 1152, 23)
    second = Part(
        (b"TEXT", b"PLAIN"),
        ((b"CHARSET", b"US-ASCII"), (b"NAME", b"cc.diff")),
        b"<960723163407.20117h@cac.washington.edu>",
        b"Compiler diff",
        b"BASE64",
        4554,
        73,
    )
    assert Multipart((first, second), b"MIXED") == fetch(raw)["BODY"]


def test_bodystructure_with_all_extension_data() -> None:
    raw = (
        b'BODYSTRUCTURE (("image" "png" NIL NIL NIL "base64" 9 "md5==" '
        b'("inline" ("filename" "a.png")) ("en" "de") "x:y") "related" ("boundary" "b") NIL "en" NIL)'
    )
    image = Part(
        (b"image", b"png"),
        (),
        None,
        None,
        b"base64",
        9,
        extension=Extension(b"md5==", (b"inline", ((b"filename", b"a.png"),)), (b"en", b"de"), b"x:y"),
    )
    expected = Multipart((image,), b"related", ((b"boundary", b"b"),), Extension(None, None, (b"en",), None))
    assert expected == fetch(raw)["BODYSTRUCTURE"]


def test_a_message_part_holds_its_envelope_body_and_lines() -> None:
    raw = (
        b'BODY ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 50 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) '
        b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1) 4)'
    )
    part = fetch(raw)["BODY"]
    assert isinstance(part, Part)
    assert part.envelope is not None
    assert (part.envelope.subject, part.lines) == (b"x", 4)


def test_sections_origins_and_binary() -> None:
    assert fetch(
        b'BODY[] {4}\r\na\r\nb BODY[]<0> "q\\"q" BODY[HEADER.FIELDS (Subject "X Y")] {14}\r\nSubject: x\r\n\r\n '
        b'BODY[1.2.MIME] NIL BODY[1.HEADER.FIELDS.NOT (To)]<5> "" BINARY[1] ~{2}\r\n\0\1 BINARY[2]<3> "text" '
        b'BINARY.SIZE[] 7 RFC822.HEADER ""'
    ) == {
        "BODY[]": b"a\r\nb",
        "BODY[]<0>": b'q"q',
        'BODY[HEADER.FIELDS (Subject "X Y")]': b"Subject: x\r\n\r\n",
        "BODY[1.2.MIME]": None,
        "BODY[1.HEADER.FIELDS.NOT (To)]<5>": b"",
        "BINARY[1]": b"\0\1",
        "BINARY[2]<3>": b"text",
        "BINARY.SIZE[]": 7,
        "RFC822.HEADER": b"",
    }


def test_eight_bit_is_legal_in_literals() -> None:
    assert fetch(b"BODY[1] {5}\r\ngr\xfc\xdfe")["BODY[1]"] == b"gr\xfc\xdfe"


def test_utf8_is_legal_in_quoted_strings_once_enabled() -> None:
    assert "Grüße".encode() == fetch(b'BODY[1] "' + "Grüße".encode() + b'"', Dialect.UTF8)["BODY[1]"]


def test_names_are_utf8_once_enabled() -> None:
    found = parse_response('* LIST () "/" "Entwürfe & mehr"\r\n'.encode(), Dialect.UTF8)
    assert Listed("LIST", frozenset(), "/", "Entwürfe & mehr") == found


def test_a_greeting_carries_capabilities() -> None:
    found = parse_greeting(b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 SASL-IR] Pillarbox is ready\r\n")
    assert Code("CAPABILITY", ("IMAP4rev1", "IMAP4rev2", "SASL-IR")) == found.code
