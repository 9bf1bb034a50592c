"""Families of mail that is in order: languages, encodings, multiparts, forwards, digests, groups, parameters.

Must never: hold anything broken; that is broken.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.differential.pieces import (
    CHARSETS,
    CRLF,
    NATIVE,
    Families,
    encoded_base64,
    encoded_quoted_printable,
    encoded_word,
    head,
    mime_head,
    multipart,
    part,
    prose,
    sentence,
)


def enter(table: Families) -> None:
    """Enter all families of this file."""
    table.add("plain", 30)(_plain)
    table.add("native-headers", 40)(_native_headers)
    table.add("native-body", 50)(_native_body)
    table.add("alternative", 20)(_alternative)
    table.add("attachments", 25)(_attachments)
    table.add("inline-pictures", 12)(_inline_pictures)
    table.add("forwarded", 20)(_forwarded)
    table.add("digest", 8)(_digest)
    table.add("deep", 8)(_deep)
    table.add("encodings", 20)(_encodings)
    table.add("signed-and-reports", 6)(_signed_or_report)
    table.add("long-headers", 8)(_long_headers)
    table.add("threads", 12)(_thread)
    table.add_texts("addresses", [_with_address(line) for line in ADDRESS_LINES])
    table.add_texts("groups", [_with_address(line) for line in GROUP_LINES])
    table.add_texts("parameters", [_with_parameters(line) for line in PARAMETER_LINES])


def _plain(dice: random.Random, index: int) -> bytes:
    return head(dice, sentence(dice, 4)) + CRLF + prose(dice, 1 + index * 2)


def _native_headers(dice: random.Random, index: int) -> bytes:
    language = list(NATIVE)[index % len(NATIVE)]
    subject, body, name = NATIVE[language]
    charset = dice.choice(CHARSETS[language])
    encoding = "BQ"[index % 2] if charset != "iso-2022-jp" else "B"
    lines = (
        f"From: {encoded_word(name, charset, encoding)} <native@example.org>\r\n"
        "To: friends@example.com\r\n"
        f"Cc: {encoded_word(name, 'utf-8', 'B')} <cc@example.org>,\r\n\tplain@example.org\r\n"
        f"Date: Tue, 1 Jul 2003 10:52:37 +0200\r\nMessage-ID: <{index}.{language}@example.org>\r\n"
        f"Subject: Re: {encoded_word(subject, charset, encoding)} and {dice.choice(('more', 'less'))}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
    )
    return lines.encode() + CRLF + encoded_base64(body.encode())


def _native_body(dice: random.Random, index: int) -> bytes:
    language = list(NATIVE)[index % len(NATIVE)]
    _, body, _ = NATIVE[language]
    charset = CHARSETS[language][index // len(NATIVE) % len(CHARSETS[language])]
    data = (body + "\r\n" + sentence(dice) + "\r\n").encode(charset, errors="replace")
    encoding = dice.choice(("8bit", "quoted-printable", "base64"))
    encoded: dict[str, Callable[[bytes], bytes]] = {
        "8bit": bytes,
        "quoted-printable": encoded_quoted_printable,
        "base64": encoded_base64,
    }
    header = mime_head(
        dice, f"{language} {index}", f"text/plain; charset={charset}", f"Content-Transfer-Encoding: {encoding}"
    )
    return header + CRLF + encoded[encoding](data)


def _alternative(dice: random.Random, index: int) -> bytes:
    text = part("Content-Type: text/plain; charset=us-ascii", prose(dice, 3))
    html = part(
        "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable",
        encoded_quoted_printable(f"<p>{sentence(dice)} <b>Ünïcödé</b> &amp; more</p>\r\n".encode()),
    )
    boundary = f"alt_{index}=_'()+,-./:=?"
    quoted = f'multipart/alternative; boundary="{boundary}"'
    return mime_head(dice, sentence(dice, 3), quoted) + CRLF + multipart(boundary, text, html, preamble=b"Hi.\r\n")


def _attachment(dice: random.Random, name: str, kind: str, size: int) -> bytes:
    data = dice.randbytes(size)
    header = (
        f'Content-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="{name}"; size={size}'
    )
    return part(header, encoded_base64(data))


def _attachments(dice: random.Random, index: int) -> bytes:
    kinds = (("report.pdf", "application/pdf"), ("photo.jpeg", "image/jpeg"), ("archive.tar.gz", "application/gzip"))
    parts = [part("Content-Type: text/plain", prose(dice, 2))]
    for name, kind in dice.sample(kinds, 1 + index % 3):
        parts.append(_attachment(dice, name, kind, dice.randrange(0, 9000)))
    return (
        mime_head(dice, sentence(dice, 3), f"multipart/mixed; boundary=b{index}")
        + CRLF
        + multipart(f"b{index}", *parts, epilogue=b"After the end.\r\n" if index % 4 == 0 else b"")
    )


def _inline_pictures(dice: random.Random, index: int) -> bytes:
    html = part("Content-Type: text/html; charset=us-ascii", b'<img src="cid:one@example.org">\r\n')
    picture = part(
        "Content-Type: image/png\nContent-ID: <one@example.org>\nContent-Description: A =?utf-8?Q?gr=C3=BCn?= dot\n"
        "Content-Transfer-Encoding: BASE64\nContent-Disposition: inline; filename=dot.png\n"
        "Content-Location: http://example.org/dot.png\nContent-Language: en, de\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
        encoded_base64(dice.randbytes(90 + index)),
    )
    kind = 'multipart/related; boundary="rel"; type="text/html"'
    return mime_head(dice, sentence(dice, 3), kind) + CRLF + multipart("rel", html, picture)


def _forwarded(dice: random.Random, index: int) -> bytes:
    inner = _alternative(dice, index) if index % 2 else _plain(dice, index % 5)
    if index % 5 == 0:
        inner = mime_head(dice, "Middle", "message/rfc822") + CRLF + inner
    wrapped = part('Content-Type: message/rfc822; name="a.eml"\nContent-Disposition: attachment', inner)
    if index % 3 == 0:
        return mime_head(dice, f"Fwd {index}", "message/rfc822") + CRLF + inner
    text = part("Content-Type: text/plain", prose(dice, 1))
    return mime_head(dice, f"Fwd {index}", "multipart/mixed; boundary=fwd") + CRLF + multipart("fwd", text, wrapped)


def _digest(dice: random.Random, index: int) -> bytes:
    letters = [CRLF + _plain(dice, 1) for _ in range(1 + index % 4)]
    explicit = part("Content-Type: text/plain", b"Table of contents\r\n")
    inner = part("Content-Type: multipart/digest; boundary=dig", multipart("dig", *letters))
    if index % 2:
        return mime_head(dice, "Digest", "multipart/digest; boundary=dig") + CRLF + multipart("dig", *letters)
    return mime_head(dice, "Digest", "multipart/mixed; boundary=out") + CRLF + multipart("out", explicit, inner)


def _deep(dice: random.Random, index: int) -> bytes:
    body = part("Content-Type: text/plain", prose(dice, 1))
    for level in range(3 + index):
        # Boundaries that begin like one another: "n1" is a prefix of "n10".
        kind = ("mixed", "alternative", "related")[level % 3]
        body = part(f"Content-Type: multipart/{kind}; boundary=n{level}", multipart(f"n{level}", body, body[:0] + CRLF))
    return head(dice, f"Deep {index}", "MIME-Version: 1.0") + body


def _encodings(dice: random.Random, index: int) -> bytes:
    text = f"Übung {index}: = and trailing space \r\n{'long ' * 40}\r\nlast line, no newline".encode()
    rows = (
        ("7bit", b"Only ASCII here.\r\n"),
        ("8bit", text),
        ("binary", bytes(range(1, 10)) + b"\x80\xff\r\n" + text),
        ("quoted-printable", encoded_quoted_printable(text)),
        ("Quoted-Printable", b"soft =\r\nbreak=20\r\n=C3=A9t=c3=a9 =\r\n"),
        ("base64", encoded_base64(text)),
        ("BASE64", encoded_base64(text).replace(CRLF, b" \r\n")),
        ("base64", b""),
        ("base64", b"QUJD"),
        ("quoted-printable", b""),
    )
    encoding, body = rows[index % len(rows)]
    header = mime_head(
        dice, f"Encoding {encoding}", "text/plain; charset=UTF-8", f"Content-Transfer-Encoding: {encoding}"
    )
    if index < len(rows):
        return header + CRLF + body
    inner = part(f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}", body)
    return mime_head(dice, "In a part", "multipart/mixed; boundary=e") + CRLF + multipart("e", inner, inner)


def _signed_or_report(dice: random.Random, index: int) -> bytes:
    text = part("Content-Type: text/plain; charset=us-ascii; format=flowed", prose(dice, 3))
    if index % 2:
        seal = part(
            "Content-Type: application/pgp-signature; name=signature.asc\nContent-Description: OpenPGP signature",
            b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQEzBAEBCAAd\r\n-----END PGP SIGNATURE-----\r\n",
        )
        kind = 'multipart/signed; micalg="pgp-sha256"; protocol="application/pgp-signature"; boundary="--sig--"'
        return mime_head(dice, "Signed", kind) + CRLF + multipart("--sig--", text, seal)
    status = part(
        "Content-Type: message/delivery-status", b"Reporting-MTA: dns; mx.example.org\r\n\r\nAction: failed\r\n"
    )
    headers = part("Content-Type: text/rfc822-headers", head(dice, "The lost one"))
    kind = "multipart/report; report-type=delivery-status; boundary=rep"
    return mime_head(dice, "Undelivered", kind) + CRLF + multipart("rep", text, status, headers)


def _long_headers(dice: random.Random, index: int) -> bytes:
    folded = "\r\n\t".join(sentence(dice) for _ in range(3 + index))
    people = ",\r\n ".join(f"Person {n} <person{n}@example.org>" for n in range(10 * (index + 1)))
    trace = "".join(f"Received: from a{n} by b{n}; Tue, 1 Jul 2003 10:52:37 +0200\r\n" for n in range(index + 2))
    return (
        trace.encode()
        + head(dice, folded, f"Cc: {people}", "X-Empty:", "X-Twice: one", "X-Twice: two")
        + CRLF
        + b"x\r\n"
    )


def _thread(dice: random.Random, index: int) -> bytes:
    references = "\r\n ".join(f"<thread.{n}@example.org>" for n in range(index))
    lines = [f"In-Reply-To: <thread.{index - 1}@example.org>", f"References: {references}"] if index else []
    return head(dice, "Re: " * index + "A thread", *lines, "Reply-To: list@example.org", "Sender: s@example.org") + (
        CRLF + prose(dice, 2)
    )


def _with_address(line: str) -> bytes:
    tail = "" if line.lower().startswith("from:") else "From: sender@example.org\r\n"
    text = (
        f"{line}\r\n{tail}Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nSubject: Addresses\r\n\r\nText of {len(line)}.\r\n"
    )
    return text.encode("utf-8")


ADDRESS_LINES = (
    "To: plain@example.org",
    "To: <angle@example.org>",
    'To: "Quoted \\"inner\\" \\\\ name" <q@example.org>',
    "To: (a comment) bare@example.org (Name In Comment)",
    "To: Joe Q. Public <john.q.public@example.com>, Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
    'From: "Joe & J. Harvey" <ddd@space.example>',
    'To: "odd local part"@example.org',
    "To: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
    "To: <@old.example,@route.example:user@example.org>",
    "To: a@[127.0.0.1], b@[IPv6:::1]",
    "To: first@example.org,\r\n second@example.org,\r\n\tthird@example.org",
    "Cc: =?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M=C3=BCller?= <j@example.org>\r\nBcc: hidden@example.org",
    "Reply-To: one@example.org, two@example.org\r\nSender: Third <three@example.org>",
    "From: two@example.org, authors@example.org\r\nSender: real@example.org",
    "To: dotted.atom.name@sub.domain.example.org",
    "TO: upper@EXAMPLE.ORG",
    "In-Reply-To: <1@x> <2@x>\r\nTo: x@example.org",
)

GROUP_LINES = (
    "To: A Group:Ed Jones <joe@where.test>,joe@where.test,John <jdoe@one.test>;",
    "To: undisclosed-recipients:;",
    "Cc: (Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
    'To: "Quoted group": one@example.org, two@example.org;',
    "To: before@example.org, Team: in@example.org;, after@example.org",
    "To: One: a@example.org;, Two: b@example.org;",
)


def _with_parameters(line: str) -> bytes:
    header = f"From: p@example.org\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMIME-Version: 1.0\r\n{line}\r\n"
    return header.encode("utf-8") + b"\r\nBody of parameters.\r\n"


PARAMETER_LINES = (
    "Content-Type: text/plain; charset=us-ascii; format=flowed; delsp=yes",
    "Content-Type: TEXT/Plain; CharSet=US-ASCII",
    'Content-Type: text/plain (a comment); charset="us-ascii" (another)',
    "Content-Type: application/octet-stream; name*=utf-8''%e2%82%ac%20rates.txt",
    'Content-Type: application/octet-stream; name*0="part one "; name*1="part two"',
    "Content-Type: application/octet-stream; name*0*=utf-8''%c3%a4; name*1*=%c3%b6; name*2=\" plain\"",
    "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*=iso-8859-1'en'%A3%20rates",
    'Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename*0="a";\r\n filename*1="b"',
    'Content-Type: text/plain; x="semi;colon"; y="quo\\"te"; z="back\\\\slash"',
    'Content-Type: text/plain; empty=""',
    "Content-Type: image/svg+xml; charset=utf-8",
    "Content-Type: text/plain\r\nContent-Disposition: INLINE",
    "Content-Type: text/plain\r\nContent-Language: en",
    "Content-Type: text/plain\r\nContent-Language: en, fr, de (comment)",
    'Content-Type: text/plain; name="=?utf-8?Q?=C3=A9t=C3=A9.txt?="',
    "Content-Type: text/plain\r\nContent-ID: <id (comment) @example.org>\r\nContent-Description: Two\r\n  lines",
    "Content-Type:text/html;charset=utf-8",
    "Content-Type: text/plain;\r\n\tcharset=utf-8;\r\n\tformat=flowed",
)
