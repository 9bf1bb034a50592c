"""A few letters as they travel: CRLF line ends, bytes exactly as a server must keep them."""

from __future__ import annotations

import base64

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def lines(*text: str) -> bytes:
    """Lines joined with CRLF, the last one ended too, in UTF-8."""
    return "".join(f"{line}\r\n" for line in text).encode()


def letter(subject: str, body: str = "A few words.", sender: str = "Ada Lovelace <ada@example.org>") -> bytes:
    """A plain letter with a Message-ID made from its subject."""
    name = "".join(character for character in subject.lower() if character.isascii() and character.isalnum())
    return lines(
        f"From: {sender}",
        "To: Grace Hopper <grace@example.net>",
        f"Subject: {subject}",
        "Date: Mon, 02 Feb 2026 10:20:30 +0100",
        f"Message-ID: <{name}@example.org>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        body,
    )


PLAIN = letter("Lunch on Thursday", "The teapot is blue.")

MULTILINGUAL = lines(
    "From: =?utf-8?q?J=C3=BCrgen_Gr=C3=BC=C3=9Fe?= <juergen@example.de>",
    "To: =?utf-8?b?5bGx55Sw5aSq6YOO?= <taro@example.jp>",
    "Cc: undisclosed-recipients:;",
    "Subject: =?utf-8?b?0J/RgNC40LLQtdGCLCDkuJbnlYw=?=",
    "Date: Tue, 03 Feb 2026 08:00:00 +0000",
    "Message-ID: <many-tongues@example.de>",
    "MIME-Version: 1.0",
    'Content-Type: text/plain; charset="utf-8"',
    "Content-Transfer-Encoding: 8bit",
    "",
    "Grüße aus Köln, привет из Москвы, 東京からこんにちは, שלום.",
)

PICTURES = lines(
    "From: Ada Lovelace <ada@example.org>",
    "To: Grace Hopper <grace@example.net>",
    "Subject: Holiday pictures",
    "Date: Wed, 04 Feb 2026 09:00:00 -0500",
    "Message-ID: <pictures@example.org>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="outer"',
    "",
    "This is a message in MIME format.",
    "--outer",
    'Content-Type: multipart/related; boundary="inner"',
    "",
    "--inner",
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    '<p>Sch=C3=B6ne Gr=C3=BC=C3=9Fe <img src=3D"cid:dot@example.org"></p>',
    "--inner",
    "Content-Type: image/png",
    "Content-ID: <dot@example.org>",
    "Content-Disposition: inline; filename=dot.png",
    "Content-Transfer-Encoding: base64",
    "",
    base64.b64encode(PICTURE).decode(),
    "--inner--",
    "",
    "--outer",
    "Content-Type: application/pdf; name*=utf-8''B%C3%BCcher.pdf",
    "Content-Disposition: attachment; filename*=utf-8''B%C3%BCcher.pdf",
    "Content-Transfer-Encoding: base64",
    "",
    base64.b64encode(b"%PDF-1.4 not much of a book").decode(),
    "--outer--",
)

FORWARDED = lines(
    "From: Grace Hopper <grace@example.net>",
    "To: Ada Lovelace <ada@example.org>",
    "Subject: Fwd: Lunch on Thursday",
    "Date: Thu, 05 Feb 2026 12:00:00 +0000",
    "Message-ID: <forwarded@example.net>",
    "In-Reply-To: <lunchonthursday@example.org>",
    "References: <lunchonthursday@example.org>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="fwd"',
    "",
    "--fwd",
    "Content-Type: text/plain",
    "",
    "See below.",
    "--fwd",
    "Content-Type: message/rfc822",
    "",
    PLAIN.decode().rstrip("\r\n"),
    "--fwd--",
)

BIG = letter("Minutes of the meeting", "\r\n".join(f"{n:06d} " + "all work and no play " * 3 for n in range(12_000)))
"""Some 840 KB: more than one TLS record, more than one socket buffer."""

VARIED = (PLAIN, MULTILINGUAL, PICTURES, FORWARDED)
