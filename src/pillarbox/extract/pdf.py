"""The text of PDF files, by pypdf (the extra `attachments`).

Must never: be imported by the server's process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from pillarbox.extract.documents import Unreadable


def pdf_text(data: bytes) -> Iterator[str]:
    """The text, page by page. One that is locked only against changes opens with an empty password (ISO 32000-2,
    section 7.6.4). Raises Unreadable, and whatever a bad file makes pypdf raise."""
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("locked by a password")
    except PyPdfError as error:
        raise Unreadable("no PDF file") from error
    for page in reader.pages:
        yield page.extract_text() + "\n"
