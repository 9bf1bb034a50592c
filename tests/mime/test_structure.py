"""BODYSTRUCTURE and BODY against known answers."""

from __future__ import annotations

import pytest

from pillarbox.mime.digest import digest
from pillarbox.mime.limits import MimeLimits
from tests.mime.grammar import Value, read_body
from tests.mime.samples import DIGEST, FORWARD, NESTED, REPORT, crlf

TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" '


def structure(text: str | bytes) -> bytes:
    got = digest(crlf(text))
    read_body(got.bodystructure)
    read_body(got.body)
    return got.bodystructure


def fields(text: str | bytes) -> tuple[Value, ...]:
    return read_body(structure(text))


def test_the_example_of_rfc_9051_section_7() -> None:
    message = "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\nContent-Transfer-Encoding: 7BIT\n\n" + "x" * 10 + "\n"
    assert digest(crlf(message)).body == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 12 1)'


@pytest.mark.parametrize("message", ["", "\n", "A: b", "A: b\n", "A: b\n\n"])
def test_a_message_without_a_body_is_an_empty_text(message: str) -> None:
    got = digest(crlf(message))
    assert got.bodystructure == TEXT + b"0 0 NIL NIL NIL NIL)"
    assert got.body == TEXT + b"0 0)"
    assert got.header_size == len(crlf(message))


def test_all_extension_data_is_there() -> None:
    assert digest(crlf(REPORT)).bodystructure == (
        b'(("text" "html" ("charset" "iso-8859-1") "<a@b>" NIL "quoted-printable" 31 0'
        b' "Q2hlY2sgSW50ZWdyaXR5IQ==" NIL NIL NIL)'
        b'("image" "png" ("name" "a long name.png") NIL "a picture" "base64" 4'
        b' NIL ("inline" ("filename*" "utf-8\'\'%C3%BC.png" "size" "3")) NIL NIL)'
        b' "related" ("boundary" "=_x y" "type" "text/html") NIL ("de" "en") "http://example.org/")'
    )


def test_body_has_no_extension_data() -> None:
    assert digest(crlf(REPORT)).body == (
        b'(("text" "html" ("charset" "iso-8859-1") "<a@b>" NIL "quoted-printable" 31 0)'
        b'("image" "png" ("name" "a long name.png") NIL "a picture" "base64" 4) "related")'
    )


def test_a_forwarded_message_has_envelope_structure_and_lines() -> None:
    bob = b'((NIL NIL "bob" "example.net"))'
    envelope = b'(NIL "original" %b %b %b NIL NIL NIL NIL NIL)' % (bob, bob, bob)
    assert digest(crlf(FORWARD)).body == (
        b'("message" "rfc822" NIL NIL "the original" "7bit" 57 %b %b13 2) 5)' % (envelope, TEXT)
    )


def test_message_global_is_nested_too() -> None:
    got = fields("Content-Type: message/global\n\nSubject: x\n\nbody")
    assert got[:2] == (b"message", b"global")
    assert isinstance(got[7], tuple)


def test_other_messages_are_not_nested() -> None:
    got = fields("Content-Type: message/delivery-status\n\nReporting-MTA: x\n\n")
    assert len(got) == 7 + 4


def test_parts_of_a_digest_are_messages_unless_they_say_otherwise() -> None:
    kinds = [part[1] for part in fields(DIGEST) if isinstance(part, tuple) and isinstance(part[0], bytes)]
    assert kinds[:3] == [b"rfc822", b"plain", b"rfc822"]


def test_nesting_is_shown_as_deep_as_it_is() -> None:
    body = digest(crlf(NESTED)).body
    alternative = b'(%b16 0)("text" "richtext" ("charset" "us-ascii") NIL NIL "7bit" 16 0) "alternative")' % TEXT
    assert b"(%b12 0)%b" % (TEXT, alternative) in body


@pytest.mark.parametrize(
    "value", ["", "text", "garbage; x=y", "multipart; boundary=b", "/plain", "text/", ";charset=x", "(only a comment"]
)
def test_a_content_type_that_is_none_means_plain_text(value: str) -> None:
    assert structure(f"Content-Type: {value}\n\nx") == TEXT + b"1 0 NIL NIL NIL NIL)"


def test_text_without_a_charset_is_said_to_be_ascii_and_other_types_are_not() -> None:
    assert fields("Content-Type: text/html; format=flowed\n\n")[2] == (b"format", b"flowed", b"charset", b"us-ascii")
    assert fields("Content-Type: image/gif\n\n")[2] is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('a=b; c="d e"; f=""', (b"a", b"b", b"c", b"d e", b"f", b"")),
        ('a="q\\"u\\\\o"', (b"a", b'q"u\\o')),
        ("; a=b;; c ; =d; e=f;", (b"a", b"b", b"e", b"f")),
        ("a=b/c; d=e=f; g=[h]", (b"a", b"b/c", b"d", b"e=f", b"g", b"[h]")),
        ('a="unterminated; b=c', (b"a", b"unterminated; b=c")),
        ('a="ends in backslash\\', (b"a", b"ends in backslash")),
        ("a (x) = (y) b (z) ; c=d(", (b"a", b"b", b"c", b"d")),
        ("a=two words; b=c", (b"a", b"two", b"b", b"c")),
        ('a="x\n y"', (b"a", b"x y")),
        ("n*0=a; n*1=b; n*2=c", (b"n", b"abc")),
        ("n*1=b; n*0=a", (b"n", b"ab")),
        ("n*0=a; n*2=c", (b"n*0", b"a", b"n*2", b"c")),
        ("n*=utf-8''%C3%A9", (b"n*", b"utf-8''%C3%A9")),
        ("n*0*=utf-8''%C3; n*1*=%A9; n*2=\" x\"", (b"n*", b"utf-8''%C3%A9%20x")),
        ("n*0*=utf-8'en'%41; n=plain", (b"n", b"plain", b"n*", b"utf-8'en'%41")),
        ("n*00000=a; *0=b", (b"n*00000", b"a", b"*0", b"b")),
    ],
)
def test_parameters(raw: str, shown: tuple[bytes, ...]) -> None:
    assert fields(f"Content-Type: application/x; {raw}\n\n")[2] == shown


def test_eight_bit_parameters_go_as_literals() -> None:
    assert b'("name" {1}\r\n\xe9)' in structure(b"Content-Type: image/gif; name=\xe9\n\n")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("BASE64", b"BASE64"), (" quoted-printable (c)", b"quoted-printable"), ("8 bit", b"7bit"), ("", b"7bit")],
)
def test_encodings(raw: str, shown: bytes) -> None:
    assert fields(f"MIME-Version: 1.0\nContent-Transfer-Encoding: {raw}\n\n")[5] == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("inline", (b"inline", None)),
        ("attachment; filename=x", (b"attachment", (b"filename", b"x"))),
        ("", None),
        ("; filename=x", (b"attachment", (b"filename", b"x"))),
        ("attachment filename=x", (b"attachment", None)),
    ],
)
def test_dispositions(raw: str, shown: Value) -> None:
    assert fields(f"MIME-Version: 1.0\nContent-Disposition: {raw}\n\n")[9] == shown


def test_languages_that_are_none_give_nil_not_an_empty_list() -> None:
    assert fields("MIME-Version: 1.0\nContent-Language: , ;\n\n")[10] is None
    assert fields("MIME-Version: 1.0\nContent-Language: en (English), de\n\n")[10] == (b"en", b"de")


def test_content_fields_of_a_message_that_is_no_mime_say_nothing_but_its_encoding() -> None:
    got = fields("Content-Disposition: inline\nContent-ID: <x>\nContent-Transfer-Encoding: base64\n\n")
    assert (got[3], got[5], got[9]) == (None, b"base64", None)


# --- boundaries ----------------------------------------------------------------------------------


def sizes(text: str | bytes) -> list[Value]:
    """Of the direct parts of a multipart."""
    return [part[6] for part in read_body(digest(crlf(text)).body) if isinstance(part, tuple)]


HEAD = "Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    "message",
    [
        HEAD,
        HEAD + "no delimiter",
        "Content-Type: multipart/mixed\n\n--\n--b\n",
        'Content-Type: multipart/mixed; boundary=""\n\n--\n\n--\n',
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Type: multipart/mixed; boundary=b\n--b\n\nx\n--b--",
        HEAD + "--b--\n",
    ],
)
def test_a_multipart_without_parts_shows_one_empty_text(message: str) -> None:
    assert structure(message).startswith(b"(" + TEXT + b"0 0 NIL NIL NIL NIL) ")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("--b\n\none\n--b\n\nthree\n--b--", [3, 5]),
        ("--b\n\none\n\n--b--", [5]),
        ("pre\n--b  \n\none\n--b-- \nepi\n--b\n\nno part\n", [3]),
        ("--b\n\nnever closed\n", [14]),
        ("--b\n\nx\n--b", [1, 0]),
        ("--b", [0]),
        ("--b\n--b\n--b--", [0, 0]),
        ("--b\nA: b\n--b\n\nx\n--b--", [0, 1]),
        ("--b\n\n--b\n\n--b--", [0, 0]),
        ("--b\n\na --b\n --b\n-b\nb\n--B\n--b--", [len("a --b\r\n --b\r\n-b\r\nb\r\n--B")]),
        ("--b and more\n\nx\n--bcd\n\nyz\n--b--", [1, 2]),
    ],
)
def test_delimiters(message: str, expected: list[int]) -> None:
    assert sizes(HEAD + message) == expected


def test_an_outer_delimiter_ends_inner_parts_that_were_never_closed() -> None:
    message = HEAD + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nq\n--b\n\nnext\n--b--"
    inner = b'(%b1 0) "mixed")' % TEXT
    assert digest(crlf(message)).body == b'(%b%b4 0) "mixed")' % (inner, TEXT)


def test_the_longest_open_boundary_that_fits_wins() -> None:
    message = (
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n"
        "--ab\n\nin\n--ab\n\nin2\n--ab--\n--a\n\nout\n--a--"
    )
    inner = b'(%b2 0)%b3 0) "mixed")' % (TEXT, TEXT)
    assert digest(crlf(message)).body == b'(%b%b3 0) "mixed")' % (inner, TEXT)


def test_a_multipart_ends_no_earlier_than_its_last_part() -> None:
    message = HEAD + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c\n--b--"
    assert digest(crlf(message)).body == b'((%b1 0)%b0 0) "mixed") "mixed")' % (TEXT, TEXT)


def test_of_equal_boundaries_the_innermost_wins() -> None:
    message = HEAD + "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n\ny\n--b--\n"
    assert digest(crlf(message)).body == b'((%b1 0) "mixed") "mixed")' % TEXT


def test_bare_line_feeds_give_the_same_structure_with_other_sizes() -> None:
    for text in (NESTED, DIGEST, FORWARD, REPORT):
        with_crlf = read_body(digest(crlf(text)).body)
        with_lf = read_body(digest(text.encode()).body)
        assert _without_sizes(with_lf) == _without_sizes(with_crlf)


def test_bare_carriage_returns_end_no_line() -> None:
    assert structure(b"A: b\r\rC: d") == TEXT + b"0 0 NIL NIL NIL NIL)"
    assert sizes(HEAD.encode() + b"--b\n\na\r--b\r--b--") == [11]


def _without_sizes(body: Value) -> Value:
    """Sizes and line counts alone are numbers; lines stay as they are."""
    if isinstance(body, tuple):
        if len(body) > 6 and isinstance(body[6], int):
            return (*map(_without_sizes, body[:6]), None, *map(_without_sizes, body[7:]))
        return tuple(map(_without_sizes, body))
    return body


# --- limits --------------------------------------------------------------------------------------

OPAQUE = b'("application" "octet-stream" NIL NIL NIL "7bit" '


def test_past_the_depth_limit_the_rest_is_opaque() -> None:
    message = b"Content-Type: message/rfc822\n\n" * 10 + b"Subject: deepest\n\nx"
    body = digest(crlf(message), MimeLimits(depth=3)).body
    read_body(body)
    assert body.count(b'"rfc822"') == 3
    assert OPAQUE in body


def test_past_the_part_limit_the_rest_is_one_opaque_part() -> None:
    message = HEAD + "--b\n\nx\n" * 20 + "--b--\nepilogue"
    got = sizes_with_types(digest(crlf(message), MimeLimits(parts=5)).body)
    assert got[:4] == [(b"text", 1)] * 4
    assert got[4:] == [(b"application", len(crlf("\nx\n" + "--b\n\nx\n" * 15 + "--b--\nepilogue")))]


def sizes_with_types(body: bytes) -> list[tuple[Value, Value]]:
    return [(part[0], part[6]) for part in read_body(body) if isinstance(part, tuple)]


def test_past_the_header_limit_the_rest_is_body() -> None:
    message = crlf("Subject: x\n" * 100 + "\nbody")
    got = digest(message, MimeLimits(header_bytes=120))
    assert got.header_size == 120
    assert got.body == TEXT + b"%d %d)" % (len(message) - 120, 91)
    bomb = crlf("Content-Type: multipart/mixed; boundary=b\n" + "Subject: x\n" * 100 + "\n--b\n\nx")
    assert digest(bomb, MimeLimits(header_bytes=120)).body.startswith(OPAQUE)


def test_a_header_line_longer_than_the_limit_is_cut() -> None:
    assert digest(b"Subject: " + b"x" * 1000, MimeLimits(header_bytes=120)).header_size == 120


def test_past_the_parameter_limit_the_rest_is_left_out() -> None:
    message = b"Content-Type: image/gif" + b"".join(b"; p%d=v" % n for n in range(50)) + b"\n\n"
    shown = read_body(digest(crlf(message), MimeLimits(parameters=10)).body)[2]
    assert isinstance(shown, tuple)
    assert len(shown) == 20
