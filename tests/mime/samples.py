"""Messages for the tests of this room, with LF for readability: crlf() makes them mail."""

from __future__ import annotations


def crlf(text: str | bytes) -> bytes:
    data = text.encode("latin-1") if isinstance(text, str) else text
    return data.replace(b"\n", b"\r\n")


NESTED = """\
From: Alice <alice@example.org>
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: text/plain

one
--outer
Content-Type: application/octet-stream

two
--outer
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=third

--third
Content-Type: text/plain

three.one
--third
Content-Type: application/octet-stream

three.two
--third--

--outer
Content-Type: multipart/mixed; boundary=fourth

--fourth
Content-Type: image/gif

four.one
--fourth
Content-Type: message/rfc822

Subject: four.two
Content-Type: multipart/mixed; boundary=inner

--inner
Content-Type: text/plain

four.two.one
--inner
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain

four.two.two.one
--alt
Content-Type: text/richtext

four.two.two.two
--alt--
--inner--
--fourth--
--outer--
epilogue
"""
"""The example of RFC 9051 section 6.4.5.1 as a message."""

FORWARD = """\
Subject: Fwd
Content-Type: message/rfc822
Content-Description: the original

From: bob@example.net
Subject: original

text
of it
"""

DIGEST = """\
Content-Type: multipart/digest; boundary=b

--b

Subject: first

body
--b
Content-Type: text/plain

text
--b
X-Note: no type

Subject: second

body
--b--
"""

REPORT = """\
From: Mailer <mailer-daemon@example.org>
To: Group: a@example.org, "B \\"b\\"" <b@example.org>;, c@example.org
Cc: undisclosed-recipients:;
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 =?utf-8?b?IHVuZCBtZWhy?=
Date: Mon, 7 Jul 2025 10:00:00 +0200 (CEST)
Message-ID: <1@example.org>
MIME-Version: 1.0
Content-Type: multipart/related; boundary="=_x y"; type="text/html"
Content-Language: de, en
Content-Location: http://example.org/

--=_x y
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable
Content-ID: <a@b>
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==

<p>sch=F6n<br>gr<b>o</b>=DF</p>
--=_x y
Content-Type: image/png; name*0="a long "; name*1="name.png"
Content-Disposition: inline; filename*=utf-8''%C3%BC.png; size=3
Content-Transfer-Encoding: base64
Content-Description: a picture

AAAA
--=_x y--
"""

PLAIN = """\
From: a@example.org
To: b@example.org
Subject: plain

Hello
world
"""

ALL = tuple(crlf(text) for text in (NESTED, FORWARD, DIGEST, REPORT, PLAIN))
