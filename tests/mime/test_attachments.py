"""What counts as an attachment."""

from __future__ import annotations

import pytest

from pillarbox.mime.attachments import has_attachment
from tests.mime.samples import REPORT, crlf


def multipart(*parts: str, subtype: str = "mixed") -> bytes:
    """Parts behind their boundaries."""
    head = f'From: a@example.org\nContent-Type: multipart/{subtype};\n boundary="=_x"\nSubject: y\n\npreamble\n'
    return crlf(head + "".join(f"--=_x\n{part}\n" for part in parts) + "--=_x--\n")


TEXT = "Content-Type: text/plain\n\nHello"
PDF = "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA"
NESTED = 'Content-Type: multipart/alternative; boundary="=_y"\n\n--=_y\nContent-Type: text/html\n\n<p>\n--=_y\n'


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (crlf("Subject: x\n\nHello"), False),
        (b"", False),
        (crlf("Content-Type: text/plain; charset=utf-8\n\nContent-Disposition: attachment"), False),
        (crlf("CONTENT-TYPE: APPLICATION/PDF\n\nxx"), True),
        (crlf('Content-Type: text/csv\nContent-Disposition:\n attachment; filename="a.csv"\n\n1,2'), True),
        (multipart(TEXT, "Content-Type: text/html\n\n<p>", subtype="alternative"), False),
        (multipart(TEXT, PDF), True),
        (multipart(TEXT, PDF.replace("pdf\n", "pdf\ncontent-disposition: INLINE\n")), False),
        (multipart(TEXT, TEXT.replace("plain\n", "plain\nContent-Disposition: attachment\n")), True),
        (multipart(TEXT, "Content-Type: image/png\nContent-ID: <a@b>\n\nxx", subtype="related"), False),
        (multipart(TEXT, "Content-Type: image/png\nContent-Disposition: attachment\n\nxx"), True),
        (multipart(TEXT, "Content-Type: message/rfc822\n\nSubject: forwarded\n\nx"), True),
        (multipart(TEXT, "Content-Type: application/pgp-signature; name=s.asc\n\nxx", subtype="signed"), False),
        (multipart(NESTED + PDF + "\n--=_y--"), True),
        (multipart(NESTED + "Content-Type: text/plain\n\nx\n--=_y--"), False),
        (multipart(TEXT + "\n--\nJoe Content-Disposition: attachment"), False),
        (crlf(REPORT), False),
        (multipart(TEXT, "Content-Type: text/plain\n\n" + "x" * 3_000_000, PDF), True),
    ],
)
def test_what_people_would_call_attached(message: bytes, expected: bool) -> None:
    assert has_attachment(message) is expected
    assert has_attachment(memoryview(message.replace(b"\r\n", b"\n"))) is expected
