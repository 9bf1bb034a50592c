"""Families of mail that breaks the rules: missing boundaries, bare LF, 8-bit headers, empty parts, headers only.

Servers may differ here without one of them being wrong; what matters is that Pillarbox's answer is legal and chosen.
"""

from __future__ import annotations

import random

from tests.differential.pieces import CRLF, NATIVE, Families, head, mime_head, multipart, part, prose, sentence


def enter(table: Families) -> None:
    """Enter all families of this file."""
    table.add("bare-lf", 14)(_bare_lf)
    table.add("raw-8bit-headers", 24)(_raw_8bit_headers)
    table.add("undeclared-8bit-body", 8)(_undeclared_8bit_body)
    table.add_texts("boundaries", BOUNDARIES)
    table.add_texts("empty-parts", EMPTY_PARTS)
    table.add_texts("header-only", HEADER_ONLY)
    table.add_texts("header-syntax", HEADER_SYNTAX)
    table.add_texts("bad-content-types", [_typed(line) for line in BAD_CONTENT_TYPES])
    table.add_texts("bad-encodings", [_typed(line, body) for line, body in BAD_ENCODINGS])
    table.add_texts("bad-addresses", [_addressed(line) for line in BAD_ADDRESSES])
    table.add_texts("bad-dates", [_addressed(line) for line in BAD_DATES])
    table.add_texts("bad-nesting", BAD_NESTING)


def _bare_lf(dice: random.Random, index: int) -> bytes:
    whole = (
        mime_head(dice, sentence(dice, 3), "multipart/mixed; boundary=lf")
        + CRLF
        + multipart(
            "lf", part("Content-Type: text/plain", prose(dice, 2)), part("Content-Type: text/html", b"<p>x</p>\r\n")
        )
    )
    if index % 2:
        whole = head(dice, sentence(dice, 3)) + CRLF + prose(dice, 3)
    if index % 3 == 0:
        return whole.replace(CRLF, b"\n")
    top, _, rest = whole.partition(CRLF + CRLF)
    return top + CRLF + CRLF + rest.replace(CRLF, b"\n") if index % 3 == 1 else whole.replace(CRLF, b"\n", 3)


def _raw_8bit_headers(dice: random.Random, index: int) -> bytes:
    language = list(NATIVE)[index % len(NATIVE)]
    subject, body, name = NATIVE[language]
    lines = f'From: "{name}" <raw@example.org>\r\nTo: {name} <to@example.org>\r\nSubject: {subject}\r\n'
    if index >= len(NATIVE):
        # Latin letters in a legacy charset that nobody declared.
        return lines.encode("utf-8").replace("ü".encode(), b"\xfc") + CRLF + body.encode("utf-8") + CRLF
    kind = f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; name={name.split()[0]}\r\n"
    return (lines + kind + "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\n" + body + "\r\n").encode()


def _undeclared_8bit_body(dice: random.Random, index: int) -> bytes:
    _, body, _ = list(NATIVE.values())[index]
    return head(dice, f"No charset {index}") + CRLF + body.encode("utf-8") + CRLF


_TOP = b"From: b@example.org\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nSubject: Broken\r\nMIME-Version: 1.0\r\n"


def _mixed(boundary: bytes, body: bytes) -> bytes:
    return _TOP + b"Content-Type: multipart/mixed" + boundary + CRLF + CRLF + body


BOUNDARIES = (
    _mixed(b"", b"--x\r\n\r\nNo boundary parameter.\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"No boundary line at all.\r\n"),
    _mixed(b"; boundary=x", b"--x\r\n\r\nNever closed.\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: text/html\r\n\r\nNever closed, no last newline"),
    _mixed(b"; boundary=x", b"--x\r\n\r\nFirst.\r\n--x\r\n\r\nSecond.\r\n--x\r\n"),
    _mixed(b"; boundary=x", b"--x--\r\nClosed at once.\r\n"),
    _mixed(b"; boundary=x", b"--x \t\r\n\r\nSpace behind the boundary.\r\n--x-- \r\n"),
    _mixed(b"; boundary=x", b"--xy\r\n\r\nA longer word.\r\n--x\r\n\r\nThe real one.\r\n--x--\r\n"),
    _mixed(b'; boundary=""', b"--\r\n\r\nEmpty boundary.\r\n----\r\n"),
    _mixed(b"; boundary=x; boundary=y", b"--y\r\n\r\nWhich?\r\n--x\r\n\r\nThis?\r\n--x--\r\n"),
    _mixed(b"; boundary=X", b"--x\r\n\r\nOther case.\r\n--X\r\n\r\nRight case.\r\n--X--\r\n"),
    _mixed(b'; boundary="with space"', b"--with space\r\n\r\nSpace inside.\r\n--with space--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\n\r\nText.\r\n--x--\r\nEpilogue\r\n--x\r\n\r\nAfter the end.\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\n\r\nBody --x in a line\r\n --x\r\n--x--"),
    _mixed(b"; boundary=" + b"l" * 100, b"--" + b"l" * 100 + b"\r\n\r\nLong.\r\n--" + b"l" * 100 + b"--\r\n"),
)

EMPTY_PARTS = (
    _mixed(b"; boundary=x", b"--x\r\n--x\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\n\r\n--x\r\n\r\n\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: text/html\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: text/html\r\n\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: message/rfc822\r\n\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: message/rfc822\r\n\r\n\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--x--\r\n"),
    _mixed(b"; boundary=x", b""),
    _TOP + b"Content-Type: message/rfc822\r\n\r\n",
    _TOP + b"Content-Type: text/plain\r\n\r\n",
)

HEADER_ONLY = (
    b"Subject: Only a header\r\n",
    b"Subject: Header and empty line\r\n\r\n",
    b"Subject: No newline at all",
    b"\r\n",
    b"\r\nOnly a body.\r\n",
    b"Not a header\r\n\r\nBody\r\n",
    b"From: x@example.org\r\nContent-Type: multipart/mixed; boundary=x\r\n",
    b"From: x@example.org\r\nContent-Type: message/rfc822\r\n",
    b"x",
)

HEADER_SYNTAX = (
    b"Subject : Space before the colon\r\nFrom: a@example.org\r\n\r\nText\r\n",
    b"Subject:No space behind it\r\nFrom:a@example.org\r\n\r\nText\r\n",
    b"Subject:    Much space   \r\nFrom:\t a@example.org \r\n\r\nText\r\n",
    b"From: a@example.org\r\nno colon here\r\nSubject: After junk\r\n\r\nText\r\n",
    b" Subject: starts with a fold\r\nFrom: a@example.org\r\n\r\nText\r\n",
    b"Subject: one\r\nSubject: two\r\nFrom: a@example.org\r\nFrom: b@example.org\r\n\r\nText\r\n",
    b"Subject:\r\nFrom:\r\nTo:\r\nDate:\r\nMessage-ID:\r\nIn-Reply-To:\r\n\r\nAll empty\r\n",
    b"Subject:\r\n folded at once\r\nTo:\r\n x@example.org\r\n\r\nText\r\n",
    b"Subject: fold of\r\n \r\n spaces\r\nFrom: a@example.org\r\n\r\nText\r\n",
    b"From a@example.org Fri Nov 21 09:55:06 1997\r\nSubject: mbox line\r\n\r\nText\r\n",
    b"SUBJECT: SHOUTED\r\nfrom: a@example.org\r\nmEsSaGe-Id: <X@y>\r\n\r\nText\r\n",
    b'Subject: tab\tinside and \\ back "quotes"\r\nFrom: a@example.org\r\n\r\nText\r\n',
    b"Subject: " + b"long " * 2000 + b"\r\nFrom: a@example.org\r\n\r\nText\r\n",
    b"Subject: =?utf-8?Q?broken\r\nFrom: =?x-unknown?B?!!?= <a@example.org>\r\n\r\nText\r\n",
    b"Message-ID: no brackets\r\nIn-Reply-To: text (comment) <id@x>\r\nSubject: ids\r\n\r\nText\r\n",
    b": no name\r\nSubject: nameless before\r\n\r\nText\r\n",
)


def _typed(line: str, body: bytes = b"Body.\r\n") -> bytes:
    return _TOP + line.encode("utf-8") + CRLF + CRLF + body


BAD_CONTENT_TYPES = (
    "Content-Type: text",
    "Content-Type: text/",
    "Content-Type: /plain",
    "Content-Type:",
    "Content-Type: ;charset=utf-8",
    "Content-Type: text/plain; charset",
    "Content-Type: text/plain; charset=",
    "Content-Type: text/plain; =utf-8",
    "Content-Type: text/plain; charset=utf-8;;; format=flowed;",
    "Content-Type: text/plain charset=utf-8",
    'Content-Type: text/plain; charset="unterminated',
    'Content-Type: text/plain; charset = "utf-8"',
    "Content-Type: text/html\r\nContent-Type: text/plain",
    "Content-Type: multipart",
    "Content-Type: weird type/sub type; x=y",
    "Content-Type: text/plain; name=with space.txt",
    "Content-Type: text/plain; name=a@b:c?d",
    "Content-Type: text/plain; name*1=second; name*0=first",
    "Content-Type: text/plain; name*0=first; name*2=third",
    "Content-Type: text/plain; name*=no-quotes-at-all",
    "Content-Type: text/plain; name*=unknown-charset''%FF",
    "Content-Type: text/plain; name=plain; name*=utf-8''extended",
    "Content-Type: text/plain (unclosed comment",
    'Content-Type: text/plain; name="ünïcode.txt"',
    "Content-Disposition: ; filename=x",
    "Content-Disposition: attachment filename=x",
    "Content-Disposition:",
    "Content-Language:",
    "Content-ID:\r\nContent-Description:\r\nContent-Location:\r\nContent-MD5:",
)

BAD_ENCODINGS = (
    ("Content-Transfer-Encoding: base64", b"QUJ DR!EY=\r\nnot base64 at all ***\r\n"),
    ("Content-Transfer-Encoding: base64", b"QUJDRA"),
    ("Content-Transfer-Encoding: base64", b"QQ==QkI=\r\n"),
    ("Content-Transfer-Encoding: quoted-printable", b"=ZZ =\r\n=\r\n=4\r\n= \r\n=41=4"),
    ("Content-Transfer-Encoding: x-unknown", b"What is this?\r\n"),
    ("Content-Transfer-Encoding:", b"Empty encoding.\r\n"),
    ("Content-Transfer-Encoding: 8 bit", b"Two words.\r\n"),
    ('Content-Transfer-Encoding: "quoted-printable"', b"=41\r\n"),
    ("Content-Transfer-Encoding: base64 (comment)", b"QUJD\r\n"),
    ("Content-Transfer-Encoding: uuencode", b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n"),
    ("Content-Type: text/plain; charset=no-such-charset", b"caf\xe9\r\n"),
    ("Content-Type: text/plain; charset=utf-8", b"\xff\xfe broken utf-8 \xc3\r\n"),
    (
        "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: base64",
        b"--x\r\n\r\nMultipart in base64?\r\n--x--\r\n",
    ),
    (
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
        b"U3ViamVjdDogaGlkZGVuDQoNCkhpDQo=\r\n",
    ),
)


def _addressed(line: str) -> bytes:
    return f"{line}\r\nSubject: Addressed\r\n\r\nText for {len(line)}.\r\n".encode()


BAD_ADDRESSES = (
    "From: nobody",
    "From: no at sign here",
    "From: @example.org",
    "From: user@",
    "From: <>",
    "From: < >",
    "From: Name <>",
    "From: Name <unclosed@example.org",
    'From: "unclosed <x@example.org>',
    "From: (unclosed x@example.org",
    "From: a@b@c",
    "From: a b <x@example.org> trailing",
    "To: ,,,",
    "To: ;",
    "To: a@example.org;b@example.org",
    "To: a@example.org b@example.org",
    "To: group: a@example.org",
    "To: group without end:",
    "To: nested: inner: x@example.org;;",
    "To: ünï@example.org",
    "To: a..b@example.org, .c@example.org, d.@example.org",
    "To: user@exa mple.org",
    "To: <user@example.org>, <user2@example.org",
    "To: \\",
    "To: a (comment ending in backslash \\",
    'To: "" <empty-name@example.org>',
    'To: <"quoted local"@example.org>',
    "To: [x]@example.org",
)

BAD_DATES = (
    "Date: yesterday",
    "Date: 32 Foo 2020 99:99:99 +9999",
    "Date: Fri, 21 Nov 97 09:55:06 -0600",
    "Date: 21 Nov 1997 09:55",
    "Date: Fri, 21 Nov 1997 09:55:06 GMT",
    "Date: Fri, 21 Nov 1997 09(comment):55:06 -0600",
    "Date: Fri, 21 Nov 1997 09:55:06 EST",
    "Date: 1997-11-21T09:55:06Z",
    "Date: Fri Nov 21 09:55:06 1997",
    "Date: Fri, 21 Nov 1997",
)

_LETTER = b"Subject: Inner\r\nFrom: inner@example.org\r\n\r\nInner text.\r\n"

BAD_NESTING = (
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSame.\r\n--x--\r\n"),
    _mixed(
        b"; boundary=x",
        b"--x\r\nContent-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n\r\nInner never closed.\r\n--x--\r\n",
    ),
    _mixed(b"; boundary=x", b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + _LETTER + b"--x--\r\n"),
    _TOP + b"Content-Type: message/rfc822\r\n\r\n" + _LETTER[:30],
    _TOP + b"Content-Type: message/global\r\n\r\n" + _LETTER,
    _TOP + b"Content-Type: message/partial; id=x; number=1\r\n\r\n" + _LETTER,
    _TOP + b"Content-Type: message/external-body; access-type=x\r\n\r\n" + _LETTER,
    _mixed(
        b"; boundary=o",
        b"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
        b"--i\r\n\r\nA\r\n--o\r\n\r\nB\r\n--i--\r\n--o--\r\n",
    ),
    _TOP.replace(b"MIME-Version: 1.0\r\n", b"") + b"Content-Type: text/html\r\n\r\n<p>No MIME-Version</p>\r\n",
)
