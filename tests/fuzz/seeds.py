"""What to mutilate: all that the clients of tests/transcripts say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.transcripts.script import Send, literal_octets, octets, read_script

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"


@cache
def client_commands() -> list[bytes]:
    """Every line and literal of every transcript's clients, with literals made non-synchronising."""
    found: list[bytes] = []
    for path in sorted(TRANSCRIPTS.glob("*.imap")):
        for step in read_script(path).steps:
            if isinstance(step, Send):
                found += _commands(step)
    return sorted(set(found))


def _commands(step: Send) -> list[bytes]:
    commands: list[bytes] = []
    line = b""
    for text in step.texts:
        piece = octets(text.line.removesuffix("\\-"))
        if text.literal is not None and text.line:
            size = len(literal_octets(text.literal))
            line += piece.replace(b"{}", b"{+}").replace(b"{+}", b"{%d+}" % size) + b"\r\n"
        elif text.literal is not None:
            line += literal_octets(text.literal)
        else:
            commands.append(line + piece + b"\r\n")
            line = b""
    return [*commands, line] if line else commands
