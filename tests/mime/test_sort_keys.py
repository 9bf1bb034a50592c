"""What SORT and THREAD need of a header: base subjects, message ids, first addresses, sent dates. RFC 5256, 5957."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.mime.base_subject import base_subject
from pillarbox.mime.message_ids import message_ids
from pillarbox.mime.sort_keys import MAX_REFERENCES, UNKNOWN_DATE, pack_sort_keys, unpack_sort_keys


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("", "", False),
        (" \t ", "", False),
        ("plain", "plain", False),
        ("two\t  spaces\r\n here ", "two spaces here", False),
        ("Re: x", "x", True),
        ("re:x", "x", True),
        ("RE : FW: Fwd: x", "x", True),
        ("Re", "Re", False),
        ("Reply: x", "Reply: x", False),
        ("Fwdd: x", "Fwdd: x", False),
        ("a re: b", "a re: b", False),
        ("re:", "", True),
        ("x (fwd)", "x", True),
        ("x (FWD) (fwd) ", "x", True),
        ("(fwd)", "", True),
        ("x(fwd)", "x", True),
        ("x (fwd) y", "x (fwd) y", False),
        ("[list] x", "x", False),
        ("[a] [b]  x", "x", False),
        ("[list]", "[list]", False),
        ("[a][b]", "[b]", False),
        ("[a] re: x", "x", True),
        ("[a] re [b] : x", "x", True),
        ("[a]re: [b] fw: [c] x", "x", True),
        ("re: [x]", "[x]", True),
        ("Fw[3]: x", "x", True),
        ("[fwd: x]", "x", True),
        ("[FWD: [list] re: x (fwd)] (fwd)", "x", True),
        ("[list] [fwd: x]", "x", True),
        ("[fwd: x] y", "y", False),
        ("[fwd:]", "", True),
        ("[fwd: x", "[fwd: x", False),
        ("[[a]] x", "[[a]] x", False),
        ("[a", "[a", False),
        ("ſre: x", "ſre: x", False),
        ("Aw: x", "Aw: x", False),
    ],
)
def test_the_base_subject_is_what_the_rfc_makes_of_it(subject: str, base: str, is_reply: bool) -> None:
    assert base_subject(subject) == (base, is_reply)


@given(st.lists(st.sampled_from(["re", "fw", "fwd", ":", "[", "]", " ", "(fwd)", "[fwd:", "x", "é"])).map("".join))
def test_a_base_subject_is_its_own_base_subject(subject: str) -> None:
    base = base_subject(subject).text
    assert base_subject(base) == (base, False)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"", []),
        (b"<a@b>", [b"a@b"]),
        (b"<a@b><c@d>\t<e@f>", [b"a@b", b"c@d", b"e@f"]),
        (b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (b'<"a\\"b c"@d>', [b'a"b c@d']),
        (b"<a@[192.0.2.1]>", [b"a@[192.0.2.1]"]),
        (b"<a . b @ c>", [b"a.b@c"]),
        (b"(was <q@r>) <a@b> Your letter of <Monday>", [b"a@b"]),
        (b"a@b", []),
        (b"<a> <@b> <c@> <> <a b@c>", []),
        (b"<cut <a@b>", [b"a@b"]),
        (b"<A@B> <a@b>", [b"A@B", b"a@b"]),
        (b'<"open@b> <a@b>', [b"a@b"]),
    ],
)
def test_message_ids_lose_their_quoting(value: bytes, ids: list[bytes]) -> None:
    assert message_ids(value) == ids


@given(st.lists(st.sampled_from([b"<", b">", b'"', b"\\", b"@", b".", b" ", b"(", b")", b"a"])).map(b"".join))
def test_no_bytes_are_too_odd_for_message_ids(value: bytes) -> None:
    for one in message_ids(value):
        assert message_ids(b'<"%b"@%b>' % (one.rpartition(b"@")[0].replace(b"\\", b"\\\\").replace(b'"', b'\\"'), b"x"))


@pytest.mark.parametrize(
    "piece", [b"<", b'<"', b'<\\"', b'<a"b', b'"a\\"', b" ", b"<a ", b"[]", b"[fwd:", b"re[]", b"re :", b"(fwd)", b"["]
)
def test_long_headers_take_linear_time(piece: bytes) -> None:
    """A million bytes, four times what a header may have; quadratic time would be hours."""
    header = b"".join(
        b"%b: <%b>\r\n" % (name, piece * (1_000_000 // len(piece))) for name in (b"References", b"Subject")
    )
    start = time.process_time()
    pack_sort_keys(header)
    assert time.process_time() - start < 30


HEADER = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joe@example.org>, b@example.org\r\nTo: a@b, c@d\r\nCc: Friends: x@y;\r\n"
    b"Subject: =?utf-8?q?Re=3A_h=C3=A9llo?=\r\n wor ld\r\nDate: Sun, 31 Dec 2000 16:01:33 -0800\r\n"
    b"Message-ID: <x@y>\r\nReferences: <a@b>\r\n <c@d>\r\nIn-Reply-To: <z@z>\r\n\r\n"
)


def test_keys_survive_packing() -> None:
    keys = unpack_sort_keys(pack_sort_keys(HEADER))
    assert keys.sent_seconds == 978_307_293  # 1 Jan 2001 00:01:33 +0000, the RFC's example
    assert keys.is_reply
    assert keys.base_subject == "héllo wor ld"
    assert (keys.sender, keys.receiver, keys.copied) == ("joe", "a", "Friends")
    assert (keys.shown_sender, keys.shown_receiver) == ("Jörg", "a@b")
    assert len(keys.references) == 2
    assert keys.message_id not in (0, *keys.references)


def test_a_header_without_anything_has_empty_keys() -> None:
    keys = unpack_sort_keys(pack_sort_keys(b"\r\n"))
    assert (keys.sent_seconds, keys.is_reply, keys.message_id, len(keys.references)) == (UNKNOWN_DATE, False, 0, 0)
    assert set(keys[4:]) == {""}


def test_in_reply_to_counts_when_references_has_no_valid_id() -> None:
    def references(fields: bytes) -> list[int]:
        return list(unpack_sort_keys(pack_sort_keys(fields + b"\r\n\r\n")).references)

    first, second = references(b"References: <a@b> <c@d>")
    assert references(b"In-Reply-To: Your letter <a@b> of <c@d>") == [first]
    assert references(b"References: nothing\r\nIn-Reply-To: <c@d>") == [second]
    assert references(b"References: <a@b>\r\nIn-Reply-To: <c@d>") == [first]
    assert references(b"In-Reply-To: nobody") == []


def test_the_closest_of_too_many_references_are_kept() -> None:
    def references(numbers: range) -> list[int]:
        value = b" ".join(b"<%d@x>" % number for number in numbers)
        return list(unpack_sort_keys(pack_sort_keys(b"References: " + value + b"\r\n\r\n")).references)

    assert references(range(MAX_REFERENCES + 5)) == references(range(5, MAX_REFERENCES + 5))


@pytest.mark.parametrize(
    ("sender", "mailbox", "shown"),
    [
        (b"Ann Archer <ann@example.org>", "ann", "Ann Archer"),
        (b"ann@example.org", "ann", "ann@example.org"),
        (b'"" <ann@example.org>', "ann", "ann@example.org"),
        (b"=?utf-8?q??= <ann@example.org>", "ann", "ann@example.org"),
        (b"Undisclosed:;", "Undisclosed", "Undisclosed"),
        (b"", "", ""),
        (b"<a\0b@c>", "ab", "ab@c"),
    ],
)
def test_the_first_address_is_shown_as_rfc_5957_says(sender: bytes, mailbox: str, shown: str) -> None:
    keys = unpack_sort_keys(pack_sort_keys(b"From: " + sender + b"\r\n\r\n"))
    assert (keys.sender, keys.shown_sender) == (mailbox, shown)


@given(st.binary(max_size=300).map(lambda noise: HEADER[:-2] + b"X: " + noise) | st.binary(max_size=300))
def test_any_header_has_keys(header: bytes) -> None:
    unpack_sort_keys(pack_sort_keys(header))
