"""Long commands over several lines, as a shell takes them.

Must never: fold inside quotes or a comment, where a backslash would change what is meant.
"""

from __future__ import annotations

import re
from typing import Final

_FOLD_BEFORE: Final = re.compile(r" (?=-|&& |'-)")


def folded(command: str, width: int, indent: str = "  ") -> list[str]:
    """Lines of a command, folded before an option or `&&` where it is too wide; all but the last end in a backslash."""
    line, lines = indent, []
    for part in _parts(command):
        if len(line) + len(part) + 3 > width and line.strip():
            lines.append(f"{line.rstrip()} \\")
            line = indent * 3
        line += part + " "
    lines.append(line.rstrip())
    return lines


def _parts(command: str) -> list[str]:
    if "# " in command:
        return [command]
    parts: list[str] = []
    for piece in _FOLD_BEFORE.split(command):
        if parts and parts[-1].count("'") % 2:
            parts[-1] += " " + piece
        else:
            parts.append(piece)
    return parts
