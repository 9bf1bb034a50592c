"""IMAP URLs: the examples of RFC 5092 and 4467, an inverse, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.urls import (
    MAX_URL_BYTES,
    Access,
    MessageUrl,
    UrlAuth,
    UrlInvalid,
    authorised,
    parse_url,
    resolve_url,
    write_url,
)

RUMP = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"
TOKEN = "91354a473744909de610943775f92038"

KNOWN = {
    "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024": MessageUrl(
        "gray-council", 20, 385759045, count=1024, host="minbari.example.org"
    ),
    "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97/;UID=7": MessageUrl(
        "~peter/日本語/台北", 7, host="psicorp.example.org"
    ),
    "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2": MessageUrl(
        "gray-council", 20, section="1.2", host="minbari.example.org"
    ),
    "imap://;AUTH=*@minbari.example.org/gray%20council;UIDVALIDITY=385759045/;UID=20": MessageUrl(
        "gray council", 20, 385759045, host="minbari.example.org"
    ),
    "IMAP://a%40b.example@[2001:db8::7]:993/INBOX/;uid=1/;section=HEADER.FIELDS%20(To)/;partial=5": MessageUrl(
        "INBOX", 1, section="HEADER.FIELDS (To)", first=5, host="[2001:db8::7]:993", login_name="a@b.example"
    ),
    RUMP: MessageUrl(
        "INBOX", 20, section="1.2", host="example.com", login_name="joe", auth=UrlAuth(Access.SUBMIT, RUMP, "fred")
    ),
    f"{RUMP}:internal:{TOKEN.upper()}": MessageUrl(
        "INBOX",
        20,
        section="1.2",
        host="example.com",
        login_name="joe",
        auth=UrlAuth(Access.SUBMIT, RUMP, "fred", None, "INTERNAL", TOKEN),
    ),
}


@pytest.mark.parametrize("text", KNOWN)
def test_examples_are_read(text: str) -> None:
    assert parse_url(text) == KNOWN[text]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2006-01-01T00:00:00Z", 1136073600.0), ("2006-01-01t01:30:00.25+01:30", 1136073600.0)],
)
def test_an_expiry_is_a_moment(written: str, seconds: float) -> None:
    auth = parse_url(f"imap://joe@h/INBOX/;UID=1;EXPIRE={written};URLAUTH=anonymous").auth
    assert auth is not None
    assert (auth.expires_seconds, auth.access) == (seconds, Access.ANONYMOUS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "imap:",
        "http://h/INBOX/;UID=1",
        "imap://h",
        "imap://h/",
        "imap://h/INBOX",
        "imap://h/INBOX;UIDVALIDITY=1",
        "imap://h/INBOX?SUBJECT%20x",
        "imap:///INBOX/;UID=1",
        "imap://h/;UID=1",
        "imap://h/INBOX;UID=1",
        "imap://h/INBOX/;UID=0",
        "imap://h/INBOX/;UID=01",
        "imap://h/INBOX/;UID=4294967296",
        "imap://h/INBOX;UIDVALIDITY=0/;UID=1",
        "imap://h/INBOX/;UID=1/;SECTION=",
        "imap://h/INBOX/;UID=1/;PARTIAL=1.0",
        "imap://h/INBOX/;UID=1/;PARTIAL=-1",
        "imap://h/INBOX/;UID=1/;PARTIAL=1/;SECTION=1",
        "imap://h/IN BOX/;UID=1",
        "imap://h/INBOX%/;UID=1",
        "imap://h/INBOX%0/;UID=1",
        "imap://h/%FF/;UID=1",
        "imap://h/a%00b/;UID=1",
        "imap://h/a%0D%0Ab/;UID=1",
        "imap://h/日本/;UID=1",
        "imap://h/INBOX/;UID=1;URLAUTH=everybody",
        "imap://h/INBOX/;UID=1;URLAUTH=user+",
        "imap://h/INBOX/;UID=1;URLAUTH=anonymous:internal:",
        "imap://h/INBOX/;UID=1;URLAUTH=anonymous:internal:91354a",
        "imap://h/INBOX/;UID=1;URLAUTH=anonymous:internal:" + "g" * 32,
        "imap://h/INBOX/;UID=1;EXPIRE=2006-01-01T00:00:00Z",
        "imap://h/INBOX/;UID=1;EXPIRE=2006-13-01T00:00:00Z;URLAUTH=anonymous",
        "imap://h/INBOX/;UID=1;EXPIRE=2006-01-01;URLAUTH=anonymous",
        "imap://h/INBOX/;UID=1\r\n",
        "imap://h/INBOX/;UID=1#fragment",
        "imap://h/" + "a" * MAX_URL_BYTES + "/;UID=1",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(UrlInvalid):
        parse_url(text)


@pytest.mark.parametrize(
    ("reference", "mailbox", "named"),
    [
        ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME", None, "Drafts"),
        ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME", "INBOX", "Drafts"),
        ("Drafts/;UID=20", None, "Drafts"),
        ("Drafts/;UID=20", "INBOX", "Drafts"),
        ("b/;UID=20", "lists/a", "lists/b"),
        ("../b/;UID=20", "lists/a", "b"),
        ("./b/;UID=20", "lists/a", "lists/b"),
        (";UID=20", "Entwürfe & mehr", "Entwürfe & mehr"),
        ("//joe@other.example/INBOX/;UID=20", "x", "INBOX"),
    ],
)
def test_references_are_resolved_against_the_open_mailbox(reference: str, mailbox: str | None, named: str) -> None:
    found = resolve_url(reference, "h", "joe@x.example", mailbox)
    assert (found.mailbox, found.uid) == (named, 20)
    assert (found.host, found.login_name) in (("h", "joe@x.example"), ("other.example", "joe"))


@pytest.mark.parametrize("reference", [";UID=20", "/;UID=20", "", "/", "//", "///", "..", "mailto:x", "Drafts", "?x"])
def test_references_that_name_no_message_are_refused(reference: str) -> None:
    with pytest.raises(UrlInvalid):
        resolve_url(reference, "h", "joe", None)


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
NUMBERS = st.integers(1, 2**32 - 1)


@given(
    st.builds(
        MessageUrl,
        NAMES.filter(lambda name: not name.endswith("/")),
        NUMBERS,
        st.none() | NUMBERS,
        st.just("") | NAMES,
        st.integers(0, 2**40),
        st.none() | NUMBERS,
        st.sampled_from(["example.org", "[::1]", "mail.example:993"]),
        st.just("") | NAMES,
    )
)
def test_what_is_written_is_read_back(url: MessageUrl) -> None:
    assert parse_url(write_url(url)) == url


@given(NAMES, st.sampled_from(["anonymous", "authuser", "user+joe"]))
def test_an_authorised_url_is_its_rump_and_a_token(name: str, access: str) -> None:
    rump = write_url(MessageUrl(name, 1, host="h", login_name="joe")) + f";URLAUTH={access}"
    auth = parse_url(rump).auth
    assert auth is not None
    whole = parse_url(authorised(auth, TOKEN)).auth
    assert whole is not None
    assert (whole.rump, whole.token, whole.mechanism) == (rump, TOKEN, "INTERNAL")


PIECES = st.sampled_from(
    ["imap://", "joe@", "h", "/", "INBOX", ";UID=1", ";UIDVALIDITY=2", ";SECTION=", "1.2", ";PARTIAL=", "0.5",
     "%41", "%", ";URLAUTH=", "anonymous", "user+", ":internal:", "0" * 32, ";EXPIRE=", "2006-01-01T00:00:00Z",
     "\n", "é", "..", "?"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60))
def test_anything_is_read_or_refused(text: str) -> None:
    for read in (parse_url, lambda reference: resolve_url(reference, "h", "joe", "INBOX")):
        try:
            found = read(text)
        except UrlInvalid:
            continue
        assert found.uid > 0
        assert found.mailbox


def test_a_long_url_takes_no_long_time_to_refuse() -> None:
    """Would take years if it were tried in all ways there are."""
    for piece in ("a", "%41", "/", ";", "/;UID=1", ":", "a@"):
        with pytest.raises(UrlInvalid):
            parse_url("imap://h/" + piece * (4_000 // len(piece)) + "\n")
