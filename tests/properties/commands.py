"""Strategies: commands as clients send them, sensible and senseless."""

from __future__ import annotations

from hypothesis import strategies as st

MAILBOXES = st.sampled_from(
    [b"INBOX", b"inbox", b"Work", b"Work/Team", b'"two words"', b'"Entw&APw-rfe"', b"{4+}\r\nWork"]
)
FLAGS = st.lists(
    st.sampled_from([b"\\Seen", b"\\Deleted", b"\\Flagged", b"\\Answered", b"\\Draft", b"$Work", b"\\SEEN"]),
    max_size=3,
).map(lambda flags: b"(" + b" ".join(flags) + b")")
NUMBERS = st.one_of(st.integers(1, 6).map(lambda n: b"%d" % n), st.just(b"*"))
SETS = st.lists(
    st.one_of(NUMBERS, st.tuples(NUMBERS, NUMBERS).map(lambda pair: pair[0] + b":" + pair[1])), min_size=1, max_size=3
).map(b",".join) | st.just(b"$")
MESSAGES = st.sampled_from(
    [
        b"Subject: hi\r\n\r\nText\r\n",
        b"",
        b"\r\n",
        b"no header at all",
        b"From: a@b\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n\nbare line feeds\n",
        b'Subject: gr\xfc\xdfe\r\nFrom: "J\xc3\xb6rg" <j@x>, friends: a@b, c@d;\r\n\r\n8-bit \xff\r\n',
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\none\r\n--b\r\n'
        b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\nno part',
        b"Content-Type: text/plain; name*0=a; name*1=b; x\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b'From: "a\\\\" <x@y>, (comment \\) (nested) z@w\r\nTo: undisclosed:;\r\nDate: junk\r\n\r\n',
    ]
)
ITEMS = st.lists(
    st.sampled_from(
        [
            *(b"FLAGS", b"UID", b"ENVELOPE", b"BODY", b"BODYSTRUCTURE", b"INTERNALDATE", b"RFC822.SIZE", b"MODSEQ"),
            *(b"BODY[]", b"BODY.PEEK[HEADER]", b"BODY[TEXT]<2.9>", b"BODY.PEEK[1]", b"BODY.PEEK[1.MIME]", b"RFC822"),
            *(b"BODY.PEEK[HEADER.FIELDS (Subject To)]", b"BINARY.PEEK[1]", b"BINARY.SIZE[1]", b"BODY.PEEK[2.HEADER]"),
            *(b"BODY.PEEK[HEADER.FIELDS.NOT (Subject)]", b"RFC822.TEXT", b"RFC822.HEADER", b"BODY.PEEK[2.1]<0.5>"),
        ]
    ),
    min_size=1,
    max_size=4,
).map(lambda items: b"(" + b" ".join(items) + b")")
KEYS = st.lists(
    st.sampled_from(
        [
            *(
                b"ALL",
                b"SEEN",
                b"NOT DELETED",
                b"OR SEEN FLAGGED",
                b"SUBJECT hi",
                b"BODY text",
                b"1:*",
                b"UID 2:4",
                b"$",
            ),
            *(b"SINCE 1-Jan-2020", b"LARGER 20", b"(NEW KEYWORD $Work)", b"TEXT {2+}\r\nhi", b"MODSEQ 3", b"OLDER 60"),
            *(b'HEADER Subject ""', b"SENTON 2-Feb-1994", b"CHARSET UTF-8 SUBJECT {2+}\r\n\xc3\xbc", b"RECENT"),
        ]
    ),
    min_size=1,
    max_size=3,
).map(b" ".join)


def _literal(content: bytes) -> bytes:
    return b"{%d+}\r\n%b" % (len(content), content)


def _command(name: bytes, *arguments: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*arguments).map(lambda parts: b" ".join([name, *parts]))


_WORD = st.sampled_from
UID = _WORD([b"", b"UID "])
PATTERNS = _WORD([b"*", b"%", b'""', b"W*", b"(INBOX W%)", b"INBOX"])
COMMANDS = st.one_of(
    _command(b"NOOP"),
    _command(b"CAPABILITY"),
    _command(b"SELECT", MAILBOXES),
    _command(b"EXAMINE", MAILBOXES, _WORD([b"", b"(CONDSTORE)"])).map(bytes.rstrip),
    _command(b"CREATE", MAILBOXES),
    _command(b"CREATE", _WORD([b"Sent (USE (\\Sent))", b"a/b/c"])),
    _command(b"DELETE", MAILBOXES),
    _command(b"RENAME", MAILBOXES, MAILBOXES),
    _command(b"SUBSCRIBE", MAILBOXES),
    _command(b"UNSUBSCRIBE", MAILBOXES),
    _command(b'LIST ""', PATTERNS),
    _command(b'LSUB ""', PATTERNS),
    _command(b'LIST (SUBSCRIBED RECURSIVEMATCH) ""', PATTERNS, _WORD([b"RETURN (CHILDREN STATUS (MESSAGES SIZE))"])),
    _command(b"STATUS", MAILBOXES, _WORD([b"(MESSAGES UIDNEXT UNSEEN)", b"(RECENT DELETED SIZE HIGHESTMODSEQ)"])),
    _command(b"APPEND", MAILBOXES, FLAGS, MESSAGES.map(_literal)),
    _command(b"APPEND", MAILBOXES, MESSAGES.map(_literal), MESSAGES.map(_literal)),
    st.tuples(UID, SETS, ITEMS).map(lambda parts: b"%bFETCH %b %b" % parts),
    st.tuples(UID, SETS, _WORD([b"FLAGS", b"+FLAGS", b"-FLAGS.SILENT", b"(UNCHANGEDSINCE 4) FLAGS"]), FLAGS).map(
        lambda parts: b"%bSTORE %b %b %b" % parts
    ),
    st.tuples(UID, SETS, MAILBOXES).map(lambda parts: b"%bCOPY %b %b" % parts),
    st.tuples(UID, SETS, MAILBOXES).map(lambda parts: b"%bMOVE %b %b" % parts),
    st.tuples(UID, KEYS).map(lambda parts: b"%bSEARCH %b" % parts),
    st.tuples(UID, KEYS).map(lambda parts: b"%bSEARCH RETURN (MIN MAX ALL COUNT SAVE) %b" % parts),
    _command(b"EXPUNGE"),
    _command(b"UID EXPUNGE", SETS),
    _command(b"CLOSE"),
    _command(b"UNSELECT"),
    _command(b"NAMESPACE"),
    _command(b"ID NIL"),
    _command(b"IDLE\r\nDONE"),
    _command(b"ENABLE", _WORD([b"CONDSTORE", b"IMAP4rev2", b"UTF8=ACCEPT"])),
)
NONSENSE = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
    _WORD(
        [b"", b"FETCH", b"SELECT {3}\r\nabc def", b'LOGIN "a', b"APPEND INBOX {9999999999}", b"IDLE\r\nNOOP", b"((((("]
    ),
)
LOGIN = b"L0 LOGIN fred blurdybloop\r\n"
OPEN_MAILBOX = (
    LOGIN
    + b"L1 CREATE Work\r\nL2 APPEND INBOX {12+}\r\nSubject: a\r\n {6+}\r\nb: c\r\n {2+}\r\n\r\n {3+}\r\nd: \r\n"
    + b"L3 SELECT INBOX\r\n"
)
"""Logged in, with another mailbox and four small messages in INBOX, which is open."""


def stream(commands: list[bytes]) -> bytes:
    """Commands with tags, one after another."""
    return b"".join(b"t%d %b\r\n" % (number, command) for number, command in enumerate(commands, 1))


STREAMS = st.lists(st.one_of(COMMANDS, COMMANDS, COMMANDS, NONSENSE), min_size=1, max_size=12).map(stream)
