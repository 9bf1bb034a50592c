"""The text of Word and OpenDocument files: XML in a zip file, read as a stream.

No such file has a document type declaration, so one that has is refused, and with it every entity that could grow
(billion laughs) or point outside (XXE). What is unpacked is counted as it comes, whatever the file says of itself.

Must never: hold more of a file than a step of it, or write out what is packed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

_STEP_BYTES: Final = 64 * 1024
_MOST_ENTRIES: Final = 10_000
"""Files in the zip file. Word writes about twenty."""

_WORD_NOTES: Final = ("word/footnotes.xml", "word/endnotes.xml", "word/comments.xml")


class Unreadable(Exception):
    """There is no text to be got out of the file."""


def word_text(data: bytes, unpacked_bytes: int) -> Iterator[str]:
    """The text of a docx in pieces: the document, then notes and comments. Raises Unreadable."""
    unpacked = _Unpacked(data, unpacked_bytes)
    yield from _texts(unpacked.steps("word/document.xml"), _Word())
    for name in _WORD_NOTES:
        if name in unpacked:
            yield from _texts(unpacked.steps(name), _Word())


def open_document_text(data: bytes, unpacked_bytes: int) -> Iterator[str]:
    """The text of an odt in pieces. Raises Unreadable."""
    yield from _texts(_Unpacked(data, unpacked_bytes).steps("content.xml"), _OpenDocument())


class _Unpacked:
    """A zip file."""

    def __init__(self, data: bytes, unpacked_bytes: int) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise Unreadable("no zip file") from error
        self._names = frozenset(self._zip.namelist())
        self._left = unpacked_bytes
        if len(self._names) > _MOST_ENTRIES:
            raise Unreadable("too many files in it")

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def steps(self, name: str) -> Iterator[bytes]:
        """What is packed under a name. Ends where too much was unpacked, or the file is broken."""
        if name not in self._names:
            raise Unreadable(f"no {name}")
        try:
            with self._zip.open(name) as packed:
                while self._left > 0 and (step := packed.read(min(_STEP_BYTES, self._left))):
                    self._left -= len(step)
                    yield step
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            raise Unreadable("a broken or locked zip file") from error


class _Word:
    """ECMA-376 part 1, section 17: runs of text in paragraphs."""

    texts: Final = frozenset({"t", "delText"})
    """Character data counts in these."""
    breaks: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
    ends: Final = {"p": "\n", "tc": "\t"}


class _OpenDocument:
    """OpenDocument 1.3 part 3, sections 5 and 6: paragraphs and headings, with spans in them."""

    texts: Final = frozenset({"p", "h"})
    breaks: Final = {"s": " ", "tab": "\t", "line-break": "\n"}
    ends: Final = {"p": "\n", "h": "\n"}


class _Listener:
    """Puts together the character data of a document."""

    def __init__(self, words: _Word | _OpenDocument) -> None:
        self._words = words
        self._inside = 0
        self.pieces: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in self._words.texts:
            self._inside += 1
        elif local in self._words.breaks:
            self.pieces.append(self._words.breaks[local])

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in self._words.texts:
            self._inside -= 1
        if local in self._words.ends:
            self.pieces.append(self._words.ends[local])

    def data(self, text: str) -> None:
        if self._inside:
            self.pieces.append(text)


def _texts(steps: Iterator[bytes], words: _Word | _OpenDocument) -> Iterator[str]:
    listener = _Listener(words)
    parser = expat.ParserCreate()
    parser.StartElementHandler = listener.start
    parser.EndElementHandler = listener.end
    parser.CharacterDataHandler = listener.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        for step in steps:
            parser.Parse(step, False)
            if listener.pieces:
                yield "".join(listener.pieces)
                listener.pieces.clear()
    except expat.ExpatError as error:
        raise Unreadable("broken XML") from error


def _refuse(*_: object) -> None:
    raise Unreadable("a document type declaration")
