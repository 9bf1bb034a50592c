"""The strict reader that the other tests trust refuses what is illegal."""

from __future__ import annotations

import pytest

from tests.mime.grammar import IllegalOutput, read, read_body, read_envelope

TEXT = b'("text" "plain" NIL NIL NIL "7bit" 1 0)'


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"(",
            b")",
            b"()",
            b"( NIL)",
            b"(NIL )",
            b"(NIL  NIL)",
            b'(NIL"a")',
            b"(NIL)(NIL)",
            b"NIL NIL",
            b"nil",
            b"01",
        ),
        *(b'"\xe9"', b'"a\r"', b'"a\n"', b'"\0"', b'"a\\b"', b'"a', b"{2}\r\na", b"{1}\r\n\0", b"{1}a", b"-1", b"atom"),
    ],
)
def test_illegal_values_are_refused(data: bytes) -> None:
    with pytest.raises(IllegalOutput):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        *(b"(NIL)", TEXT.replace(b" 0)", b")"), b"(%b)" % TEXT, b'("mixed")', TEXT.replace(b"NIL", b'("charset")', 1)),
        *(
            TEXT.replace(b"NIL", b'("boundary" NIL)', 1),
            TEXT.replace(b'"plain"', b'""'),
            TEXT.replace(b'"7bit"', b"NIL"),
        ),
        *(
            TEXT[:-1] + b" NIL)",
            b'("message" "rfc822" NIL NIL NIL "7bit" 1 NIL %b 1)' % TEXT,
            TEXT.replace(b"1 0", b"1 NIL"),
        ),
    ],
)
def test_illegal_bodies_are_refused(data: bytes) -> None:
    with pytest.raises(IllegalOutput):
        read_body(data)


@pytest.mark.parametrize(
    "addresses", [b'"a"', b"(NIL)", b"((NIL NIL NIL NIL))", b'((NIL NIL "g" NIL))', b"((NIL NIL NIL))"]
)
def test_illegal_envelopes_are_refused(addresses: bytes) -> None:
    read_envelope(b"(NIL NIL %b NIL NIL NIL NIL NIL NIL NIL)" % b"NIL")
    with pytest.raises(IllegalOutput):
        read_envelope(b"(NIL NIL %b NIL NIL NIL NIL NIL NIL NIL)" % addresses)
