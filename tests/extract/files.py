"""Files as programs write them, good and bad ones, made here."""

from __future__ import annotations

import io
import zipfile
import zlib

import pypdf

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def pdf(*pages: str, content: bytes | None = None) -> bytes:
    """A PDF with a line on each page, or with that (packed) content on its only page."""
    streams = [f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("cp1252") for text in pages]
    packed = [content] if content is not None else [zlib.compress(stream) for stream in streams]
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(packed)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(packed)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(packed):
        resources = b"/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R %b >>" % (5 + 2 * number, resources)
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream))
    written, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
    return written + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)


def locked_pdf(text: str, password: str) -> bytes:
    """What Acrobat calls "encrypted with a password" (AES-256)."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(text)))
    writer.encrypt(password, "only the owner knows", algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def zipped(files: dict[str, bytes | str]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return written.getvalue()


def docx(*paragraphs: str, before: str = "", note: str = "a note") -> bytes:
    """`before` stands before the root element."""
    runs = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f'{before}<w:document xmlns:w="{_WORD}"><w:body>{runs}</w:body></w:document>',
            "word/footnotes.xml": f'<w:footnotes xmlns:w="{_WORD}"><w:p><w:t>{note}</w:t></w:p></w:footnotes>',
        }
    )


def odt(*paragraphs: str) -> bytes:
    body = "".join(f"<text:p>{text}</text:p>" for text in paragraphs)
    names = f'xmlns:office="{_OFFICE}" xmlns:text="{_TEXT}"'
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<office:document-content {names}><office:body>{body}</office:body>"
            "</office:document-content>",
        }
    )


BILLION_LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]>"
)
EXTERNAL_ENTITY = '<!DOCTYPE d [<!ENTITY passwords SYSTEM "file:/etc/passwd">]>'


def zip_bomb(megabytes: int) -> bytes:
    """A docx of one paragraph of that many megabytes, packed a thousand times smaller."""
    return docx("lantern " + "a" * (megabytes * 1_000_000))


def claiming(data: bytes, size_bytes: int) -> bytes:
    """A zip file that claims that all it holds unpacks to so many bytes."""
    changed = bytearray(data)
    for mark, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = changed.find(mark)
        while place >= 0:
            changed[place + at : place + at + 4] = size_bytes.to_bytes(4, "little")
            place = changed.find(mark, place + 4)
    return bytes(changed)
