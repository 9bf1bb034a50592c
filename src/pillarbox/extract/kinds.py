"""Which attachments have text that can be read, by their media type, and by their name where that says nothing.

Must never: be trusted further than to choose who tries: files lie about what they are.
"""

from __future__ import annotations

import enum
from typing import Final


class Kind(enum.Enum):
    """How the text of an attachment is read."""

    PLAIN = "plain"
    HTML = "html"
    PDF = "pdf"
    WORD = "word"
    """ECMA-376 (docx)."""
    OPEN_DOCUMENT = "opendocument"
    """OASIS OpenDocument (odt)."""

    @property
    def needs_process(self) -> bool:
        """Whether it takes more than decoding."""
        return self not in (Kind.PLAIN, Kind.HTML)


_BY_TYPE: Final = {
    "application/pdf": Kind.PDF,
    "application/x-pdf": Kind.PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Kind.WORD,
    "application/vnd.oasis.opendocument.text": Kind.OPEN_DOCUMENT,
    "application/xhtml+xml": Kind.HTML,
}
_SAYS_NOTHING: Final = frozenset(
    ("application/octet-stream", "application/x-download", "application/force-download", "application/zip")
)
_BY_EXTENSION: Final = {
    "pdf": Kind.PDF,
    "docx": Kind.WORD,
    "odt": Kind.OPEN_DOCUMENT,
    "txt": Kind.PLAIN,
    "md": Kind.PLAIN,
    "csv": Kind.PLAIN,
    "htm": Kind.HTML,
    "html": Kind.HTML,
}


def kind_of(type_: str, subtype: str, file_name: str) -> Kind | None:
    """The kind of an attachment, None when nothing of it is read. Types are in lower case. Text parts (text/...) are
    none of these: exact searches look into them already."""
    media = f"{type_}/{subtype}"
    if media in _SAYS_NOTHING:
        return _BY_EXTENSION.get(file_name.rpartition(".")[2].strip().lower())
    return _BY_TYPE.get(media)
