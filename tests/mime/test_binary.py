"""Encodings taken off."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.mime.binary import UnknownEncoding, decode_body


@pytest.mark.parametrize("encoding", ["", "7bit", "8BIT", " binary "])
def test_identity_encodings_change_nothing(encoding: str) -> None:
    assert decode_body(b"a\0\xff =41\r", encoding) == b"a\0\xff =41\r"


@pytest.mark.parametrize(
    ("data", "decoded"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"a!G*V\xffs bG8===", b"hello"),
        (b"aGVsbG8=aGVsbG8=", b"hellohello"),
        (b"aGVsbG8aa", b"hello\x1a"),
        (b"=", b""),
        (b"A", b""),
        (b"", b""),
    ],
)
def test_base64_is_read_as_far_as_it_goes(data: bytes, decoded: bytes) -> None:
    assert decode_body(data, "base64") == decoded


@pytest.mark.parametrize(
    ("data", "decoded"),
    [
        (b"caf=C3=A9 =\r\nau lait", b"caf\xc3\xa9 au lait"),
        (b"soft=  \r\nbreak", b"softbreak"),
        (b"trailing \t\r\nspace ", b"trailing\r\nspace"),
        (b"bad =XY =4", b"bad =XY =4"),
        (b"lower =c3=a9", b"lower \xc3\xa9"),
        (b"under_score", b"under_score"),
        (b"bare\nlf=\nx", b"bare\nlfx"),
    ],
)
def test_quoted_printable(data: bytes, decoded: bytes) -> None:
    assert decode_body(data, "Quoted-Printable") == decoded


@pytest.mark.parametrize("encoding", ["x-uuencode", "weird", "base 64"])
def test_unknown_encodings_are_said_to_be_unknown(encoding: str) -> None:
    with pytest.raises(UnknownEncoding) as caught:
        decode_body(b"x", encoding)
    assert caught.value.encoding == encoding


@given(st.binary())
def test_decoding_undoes_encoding(data: bytes) -> None:
    assert decode_body(base64.encodebytes(data), "base64") == data
    assert decode_body(quoted_printable(data), "quoted-printable") == data


def quoted_printable(data: bytes) -> bytes:
    """Every octet quoted, in lines of 20. Python's own encoder takes all line ends for the first one's kind."""
    lines = [data[start : start + 20] for start in range(0, len(data), 20)]
    return b"=\r\n".join(b"".join(b"=%02X" % octet for octet in line) for line in lines)


@given(st.binary(), st.sampled_from(["base64", "quoted-printable"]))
def test_no_bytes_make_it_raise(data: bytes, encoding: str) -> None:
    assert len(decode_body(data, encoding)) <= len(data)
