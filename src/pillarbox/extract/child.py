"""The process that reads one attachment: the file comes on stdin, its text goes to stdout as UTF-8.

    python -I -m pillarbox.extract.child pdf|word|opendocument LIMITS

Ends with 0 when the file was read to its end or to the limit, else with UNREADABLE (or by a signal); what was written
before counts either way. Modules are loaded before it shuts itself in, the file is read after.

Must never: look at the file before confine().
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Final

from pillarbox.extract.confine import confine
from pillarbox.extract.documents import open_document_text, word_text
from pillarbox.extract.kinds import Kind
from pillarbox.extract.limits import ExtractLimits

UNREADABLE: Final = 3


def _reader_of(kind: Kind, limits: ExtractLimits) -> Callable[[bytes], Iterator[str]]:
    match kind:
        case Kind.PDF:
            from pillarbox.extract.pdf import pdf_text  # takes time, and needs the extra

            return pdf_text
        case Kind.WORD:
            return lambda data: word_text(data, limits.unpacked_bytes)
        case Kind.OPEN_DOCUMENT:
            return lambda data: open_document_text(data, limits.unpacked_bytes)
        case _:
            raise ValueError(f"{kind} needs no process")


def main(arguments: list[str]) -> int:
    """Read one file. Returns the exit code."""
    limits = ExtractLimits.from_arguments(arguments[1:])
    read = _reader_of(Kind(arguments[0]), limits)
    confine(limits)
    data = sys.stdin.buffer.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        return UNREADABLE
    left = limits.characters
    try:
        for text in read(data):
            sys.stdout.buffer.write(text[:left].encode("utf-8", "replace"))
            left -= len(text)
            if left <= 0:
                break
        sys.stdout.buffer.flush()
    except Exception:  # whatever a bad file brings about ends this process only
        sys.stdout.buffer.flush()
        return UNREADABLE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
