"""The grammar refuses every deviation, each one shown by a legal neighbour that it accepts (test_known_answers)."""

from __future__ import annotations

import pytest

from tests.grammar import Dialect, GrammarError, ResponseSplitter, parse_greeting, parse_response

ILLEGAL = [
    # lines
    b"* OK ready \r\n",
    b"* OK  ready\r\n",
    b"* OK\r\n",
    b"* OK \r\n",
    b"*  OK ready\r\n",
    b"* ok ready\r\n",
    b"* OK ready\n",
    b"* OK ready\r\n\r\n",
    b"* OK rea\rdy\r\n",
    b"* OK rea\0dy\r\n",
    b"* OK gr\xc3\xbc\xc3\x9fe\r\n",
    b"a1 OK\r\n",
    b"a1 BYE tagged\r\n",
    b"a1 MAYBE x\r\n",
    b"a+1 OK x\r\n",
    b"OK x\r\n",
    b"+\r\n",
    b"+  x\r\n",
    b"* \r\n",
    b"* WHATEVER 1\r\n",
    # response codes
    b"a OK [READ-WRITE]\r\n",
    b"a OK [READ-WRITE] \r\n",
    b"a OK [READ-WRITE]x\r\n",
    b"a OK [read-write] x\r\n",
    b"a OK [] x\r\n",
    b"a OK [X-MADE-UP] x\r\n",
    b"a OK [UIDNEXT] x\r\n",
    b"a OK [UIDNEXT 0] x\r\n",
    b"a OK [UIDVALIDITY 4294967296] x\r\n",
    b"a OK [UNSEEN 1 ] x\r\n",
    b"a OK [READ-WRITE 1] x\r\n",
    b"a OK [READ-WRITE] [ALERT] x\r\n",
    b"a OK [APPENDUID 1 7:7] x\r\n",
    b"a OK [APPENDUID 1 ] x\r\n",
    b"a OK [COPYUID 1 1:3 1:2] x\r\n",
    b"a OK [COPYUID 1  ] x\r\n",
    b"a OK [COPYUID 1 1:* 1:2] x\r\n",
    b"a OK [PERMANENTFLAGS (\\Recent)] x\r\n",
    b"a OK [PERMANENTFLAGS (\\Seen \\Seen)] x\r\n",
    b"a OK [PERMANENTFLAGS (\\Seen )] x\r\n",
    b"a OK [HIGHESTMODSEQ 0] x\r\n",
    b"a OK [HIGHESTMODSEQ 9223372036854775808] x\r\n",
    b"a NO [BADCHARSET ()] x\r\n",
    b"a OK [CAPABILITY IMAP4rev1] x\r\n",
    b"a OK [CAPABILITY IMAP4rev1 IMAP4rev2 IDLE IDLE] x\r\n",
    # mailbox data
    b"* FLAGS (\\Seen  \\Draft)\r\n",
    b"* FLAGS (\\Seen\r\n",
    b"* FLAGS (\\Recent)\r\n",
    b"* FLAGS (\\Invented)\r\n",
    b"* FLAGS (a(b)\r\n",
    b'* LIST (\\Noselect \\NonExistent) "/" a\r\n',
    b'* LIST (\\HasChildren \\HasNoChildren) "/" a\r\n',
    b'* LIST (\\HasChildren \\HasChildren) "/" a\r\n',
    b'* LIST (\\Invented) "/" a\r\n',
    b'* LIST (\\Sent ) "/" a\r\n',
    b"* LIST () / a\r\n",
    b'* LIST () "" a\r\n',
    b'* LIST () "//" a\r\n',
    b'* LIST () "/" \r\n',
    b'* LIST () "/" a b\r\n',
    b'* LIST () "/" inbox\r\n',
    b'* LIST () "/" "Inbox"\r\n',
    b'* LIST () "/" a*\r\n',
    b'* LIST () "/" a ()\r\n',
    b'* LIST () "/" a (CHILDINFO (SUBSCRIBED))\r\n',
    b'* LIST () "/" a (CHILDINFO "SUBSCRIBED")\r\n',
    b'* LIST () "/" "Entw\xc3\xbcrfe"\r\n',
    b'* LIST () "/" "a&b"\r\n',
    b'* LIST () "/" "&AGE-"\r\n',
    b'* LIST () "/" "&APw"\r\n',
    b'* LIST () "/" "&APw-&APw-"\r\n',
    b'* LIST () "/" "&2D0-"\r\n',
    b'* LIST () "/" "&APx-"\r\n',
    b"* STATUS a (MESSAGES)\r\n",
    b"* STATUS a (MESSAGES 1 MESSAGES 1)\r\n",
    b"* STATUS a (MESSAGES -1)\r\n",
    b"* STATUS a (UIDNEXT 0)\r\n",
    b"* STATUS a (messages 1)\r\n",
    b"* STATUS a\r\n",
    b"* SEARCH \r\n",
    b"* SEARCH 1  2\r\n",
    b"* SEARCH 0\r\n",
    b"* SEARCH 1:2\r\n",
    b"* SEARCH (MODSEQ 5)\r\n",
    b"* SORT 2 2\r\n",
    b"* THREAD \r\n",
    b"* THREAD 2\r\n",
    b"* THREAD ()\r\n",
    b"* THREAD ((2))\r\n",
    b"* THREAD (2 (3))\r\n",
    b"* THREAD (2(3)(4))\r\n",
    b"* THREAD (2 )\r\n",
    b"* THREAD (2 (3)(4) 5)\r\n",
    b"* THREAD (2) (3)\r\n",
    b"* THREAD (2)(2)\r\n",
    b"* THREAD (2\r\n",
    b"* THREAD (2))\r\n",
    b'* ESEARCH (TAG "a") ADDTO 1 2\r\n',
    b'* ESEARCH (TAG "a") ADDTO ()\r\n',
    b'* ESEARCH (TAG "a") REMOVEFROM (1)\r\n',
    b"* NO [NOUPDATE] x\r\n",
    b"* NO [NOUPDATE a] x\r\n",
    b'* ESEARCH (TAG "a") ALL \r\n',
    b'* ESEARCH (TAG "a") ALL 1:*\r\n',
    b'* ESEARCH (TAG "a") ALL $\r\n',
    b'* ESEARCH (TAG "a") MIN 0\r\n',
    b'* ESEARCH (TAG "a") RELEVANCY (0)\r\n',
    b'* ESEARCH (TAG "a") RELEVANCY (101)\r\n',
    b'* ESEARCH (TAG "a") RELEVANCY (7 )\r\n',
    b'* ESEARCH (TAG "a") RELEVANCY 7\r\n',
    b'* ESEARCH (TAG "a") COUNT 1 COUNT 1\r\n',
    b'* ESEARCH UID (TAG "a") COUNT 1\r\n',
    b'* NAMESPACE (("" "/")) NIL\r\n',
    b"* NAMESPACE () NIL NIL\r\n",
    b'* NAMESPACE (("" /)) NIL NIL\r\n',
    b"* ID\r\n",
    b'* ID ("name")\r\n',
    b'* ID ("name" "a" "Name" "b")\r\n',
    b"* ID (name x)\r\n",
    # message data
    b"* 0 EXPUNGE\r\n",
    b"* 0 FETCH (UID 1)\r\n",
    b"* 01 FETCH (UID 0)\r\n",
    b"* -1 EXISTS\r\n",
    b"* 5 exists\r\n",
    b"* 4294967296 EXISTS\r\n",
    b"* GENURLAUTH\r\n",
    b'* GENURLAUTH "imap://joe@example.com/INBOX/;uid=1;urlauth=anonymous"\r\n',
    b'* GENURLAUTH "imap://joe@example.com/INBOX/;uid=1;urlauth=anonymous:internal:1234"\r\n',
    b'* URLFETCH "imap://joe@example.com/INBOX/;uid=1"\r\n',
    b'* URLFETCH "imap://joe@example.com/INBOX/;uid=1" (BODY "x") (BODY "x")\r\n',
    b'* URLFETCH "imap://joe@example.com/INBOX/;uid=1" (ENVELOPE NIL)\r\n',
    b'* URLFETCH "imap://joe@example.com/INBOX/;uid=1" ()\r\n',
    b"* VANISHED\r\n",
    b"* VANISHED 1:*\r\n",
    b"* 1 FETCH ()\r\n",
    b"* 1 FETCH (UID 1 )\r\n",
    b"* 1 FETCH (UID 1\r\n",
    b"* 1 FETCH (UID 1))\r\n",
    b"* 1 FETCH UID 1\r\n",
    b"* 1 FETCH (UID 1 UID 1)\r\n",
    b"* 1 FETCH (uid 1)\r\n",
    b"* 1 FETCH (XUID 1)\r\n",
    b"* 1 FETCH (FLAGS (\\Seen \\seen))\r\n",
    b"* 1 FETCH (FLAGS \\Seen)\r\n",
    b"* 1 FETCH (FLAGS NIL)\r\n",
    b"* 1 FETCH (MODSEQ 5)\r\n",
    b"* 1 FETCH (MODSEQ (0))\r\n",
    b'* 1 FETCH (INTERNALDATE "1-Feb-2024 10:00:00 +0000")\r\n',
    b'* 1 FETCH (INTERNALDATE "31-Feb-2024 10:00:00 +0000")\r\n',
    b'* 1 FETCH (INTERNALDATE "01-feb-2024 10:00:00 +0000")\r\n',
    b'* 1 FETCH (INTERNALDATE "01-Feb-2024 24:00:00 +0000")\r\n',
    b'* 1 FETCH (INTERNALDATE "01-Feb-2024 10:00:00 GMT")\r\n',
    b'* 1 FETCH (INTERNALDATE "01-Feb-2024 10:00:00 +0060")\r\n',
    b"* 1 FETCH (INTERNALDATE NIL)\r\n",
    b"* 1 FETCH (RFC822.SIZE -1)\r\n",
    b"* 1 FETCH (RFC822.SIZE NIL)\r\n",
    b"* 1 FETCH (BODY[] {5}\r\nabc)\r\n",
    b"* 1 FETCH (BODY[] {3}\r\na\0c)\r\n",
    b"* 1 FETCH (BODY[] {3+}\r\nabc)\r\n",
    b"* 1 FETCH (BODY[] ~{3}\r\nabc)\r\n",
    b"* 1 FETCH (BODY[] abc)\r\n",
    b"* 1 FETCH (BODY[] nil)\r\n",
    b'* 1 FETCH (BODY[] "a\r\nb")\r\n',
    b'* 1 FETCH (BODY[] "a\\b")\r\n',
    b'* 1 FETCH (BODY[] "gr\xc3\xbc\xc3\x9fe")\r\n',
    b'* 1 FETCH (BODY[]<0.5> "a")\r\n',
    b'* 1 FETCH (BODY.PEEK[] "a")\r\n',
    b'* 1 FETCH (BODY[MIME] "a")\r\n',
    b'* 1 FETCH (BODY[0] "a")\r\n',
    b'* 1 FETCH (BODY[1.] "a")\r\n',
    b'* 1 FETCH (BODY[header] "a")\r\n',
    b'* 1 FETCH (BODY[HEADER.FIELDS ()] "a")\r\n',
    b'* 1 FETCH (BODY[HEADER.FIELDS (A  B)] "a")\r\n',
    b'* 1 FETCH (BINARY[HEADER] "a")\r\n',
    b"* 1 FETCH (BINARY.SIZE[1] NIL)\r\n",
    # extensions
    b"* 1 UIDFETCH (UID 1)\r\n",
    b"* 0 UIDFETCH (FLAGS ())\r\n",
    b"* 1 FETCH (EMAILID NIL)\r\n",
    b"* 1 FETCH (EMAILID (a.b))\r\n",
    b"* 1 FETCH (EMAILID M6d99)\r\n",
    b"* STATUS a (MAILBOXID F22)\r\n",
    b"a OK [MAILBOXID F22] x\r\n",
    b'* ESEARCH (TAG "a") PARTIAL (1:* 3)\r\n',
    b'* ESEARCH (TAG "a") PARTIAL (1:5 )\r\n',
]


def envelope(addresses: bytes) -> bytes:
    return b"* 1 FETCH (ENVELOPE (NIL NIL " + addresses + b" NIL NIL NIL NIL NIL NIL NIL))\r\n"


ILLEGAL_ADDRESSES = [
    b"()",
    b'((NIL NIL "a" "b") (NIL NIL "c" "d"))',
    b'((NIL NIL "a"))',
    b'((NIL NIL "a" "b" "c"))',
    b'(NIL NIL "a" "b")',
    b'((NIL NIL "a" "b")',
    b'((NIL NIL "friends" NIL)(NIL NIL "a" "b"))',
    b"((NIL NIL NIL NIL))",
    b'"a@b"',
]


def body(structure: bytes, item: bytes = b"BODY") -> bytes:
    return b"* 1 FETCH (" + item + b" " + structure + b")\r\n"


ILLEGAL_BODIES = [
    b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5)',
    b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 -1)',
    b'("TEXT" NIL NIL NIL NIL "7BIT" 5 1)',
    b'("TEXT" "" NIL NIL NIL "7BIT" 5 1)',
    b'("TEXT" "PLAIN" () NIL NIL "7BIT" 5 1)',
    b'("TEXT" "PLAIN" ("a") NIL NIL "7BIT" 5 1)',
    b'("TEXT" "PLAIN" ("a" NIL) NIL NIL "7BIT" 5 1)',
    b'("TEXT" "PLAIN" ("a" "b" ) NIL NIL "7BIT" 5 1)',
    b'("TEXT" "PLAIN" NIL NIL NIL NIL 5 1)',
    b'("TEXT" "PLAIN" NIL NIL NIL "" 5 1)',
    b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" "5" 1)',
    b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1 NIL)',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 1)',
    b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 5)',
    b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 5 NIL NIL 4)',
    b'("MIXED")',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1))',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) NIL)',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) "MIXED")',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)"MIXED")',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) "MIXED" NIL)',
    b"()",
    b"NIL",
]
ILLEGAL_STRUCTURES = [
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL ("inline"))',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL ("inline" ()))',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL "inline")',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL NIL ())',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL NIL NIL NIL NIL)',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL NIL NIL NIL "extra")',
    b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) "MIXED" ("boundary" NIL))',
]

ALL_ILLEGAL = (
    ILLEGAL
    + [envelope(one) for one in ILLEGAL_ADDRESSES]
    + [body(one) for one in ILLEGAL_BODIES]
    + [body(one, b"BODYSTRUCTURE") for one in ILLEGAL_STRUCTURES]
)


@pytest.mark.parametrize("raw", ALL_ILLEGAL, ids=lambda raw: raw[:70].decode("latin-1"))
def test_an_illegal_response_is_refused(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_response(raw)


def test_the_neighbours_of_the_illegal_ones_are_legal() -> None:
    parse_response(envelope(b'((NIL NIL "a" "b")(NIL NIL "c" "d"))'))
    parse_response(body(b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)'))
    parse_response(body(b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 5 NIL ("inline" NIL) NIL NIL)', b"BODYSTRUCTURE"))


def test_invalid_utf8_is_refused_also_when_enabled() -> None:
    with pytest.raises(GrammarError):
        parse_response(b'* 1 FETCH (BODY[] "gr\xfc\xdfe")\r\n', Dialect.UTF8)


@pytest.mark.parametrize("raw", [b"* NO go away\r\n", b"a1 OK hello\r\n", b"+ hello\r\n", b"* 1 EXISTS\r\n"])
def test_only_ok_preauth_and_bye_greet(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_greeting(raw)


STREAM = (
    b"* OK hi\r\n* 1 FETCH (BODY[] {12}\r\nA: b\r\n\r\n{3}\r X ~{2}\r\n\r\n UID 1)\r\n"
    b"* LIST () NIL {3}\r\na\r\n\r\n+ \r\na1 OK done\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_a_stream_is_cut_at_the_same_places_however_it_comes(size: int) -> None:
    splitter = ResponseSplitter()
    found = [one for at in range(0, len(STREAM), size) for one in splitter.feed(STREAM[at : at + size])]
    assert splitter.rest == b""
    assert b"".join(found) == STREAM
    assert [one[:4] for one in found] == [b"* OK", b"* 1 ", b"* LI", b"+ \r\n", b"a1 O"]
