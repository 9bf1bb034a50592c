"""Sections of messages, below the conversation."""

from __future__ import annotations

import pytest

from pillarbox.imap.commands.fetch_sections import decoded_part
from pillarbox.mime.digest import digest
from pillarbox.store.sqlite.contents import InlineContent


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"Content-Type: text/plain\r\n", b"a\nb\r\nc\rd\n", b"a\r\nb\r\nc\rd\r\n"),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", b"YQpi\r\n", b"a\r\nb"),
        (b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n", b"YQpi\r\n", b"a\nb"),
    ],
    ids=["text", "text in base64", "no text"],
)
def test_binary_sends_text_with_crlf_and_all_else_as_it_is(head: bytes, body: bytes, expected: bytes) -> None:
    message = b"MIME-Version: 1.0\r\n" + head + b"\r\n" + body
    assert decoded_part(InlineContent(message), digest(message).parts, (1,)) == expected
