"""Varied messages with what a reader sees in them, written down by hand or by the stdlib's email package.

The facts (a Letter) never come from pillarbox.mime: they are what its decoding is held against.
"""

from __future__ import annotations

import base64
import datetime
import quopri
from email.header import Header
from email.message import EmailMessage

from tests.search.letters import Letter

NATIVE = {
    "de": ("Größe der Straßenbahn", "Viele Grüße aus Köln, Fußgängerübergänge", "iso-8859-1"),
    "ru": ("Отпуск в июле", "Мать поехала в отпуск на море", "koi8-r"),
    "ja": ("会議の見積書", "明日の会議は中止です", "iso-2022-jp"),
    "zh": ("发票和合同", "请查收附件中的发票", "gb18030"),
    "el": ("Όδος Αθηνών", "Ο Οδυσσεύς επέστρεψε", "iso-8859-7"),
    "ko": ("회의 일정", "각자 준비하세요", "euc-kr"),
    "tr": ("İstanbul ışıkları", "Çok güzel bir gün", "utf-8"),
    "he": ("שלום עולם", "מה שלומך היום", "windows-1255"),
    "pl": ("Zażółć gęślą jaźń", "Dziękuję bardzo", "iso-8859-2"),
}
DATE = datetime.date(2010, 6, 14)
_DATE_LINE = b"Date: Mon, 14 Jun 2010 23:30:00 -0800\r\n"

Sample = tuple[bytes, Letter]


def samples() -> list[Sample]:
    """All of them; the letters' UIDs ascend from 1."""
    made = [*_native(), *_encoded_bodies(), *_headers(), *_structures(), *_odd()]
    return [
        (raw, Letter(uid, fields=facts.fields, sent=facts.sent, part_headers=facts.part_headers, texts=facts.texts))
        for uid, (raw, facts) in enumerate(made, 1)
    ]


def _native() -> list[Sample]:
    made = []
    for number, (subject, body, charset) in enumerate(NATIVE.values()):
        encoding = "base64" if number % 2 else "quoted-printable"
        data = body.encode(charset)
        coded = base64.encodebytes(data) if number % 2 else quopri.encodestring(data)
        words = Header(subject, charset, header_name="Subject").encode(linesep="\r\n")
        raw = (
            f"Subject: {words}\r\nContent-Type: text/plain; charset={charset}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        ).encode("ascii") + coded.replace(b"\n", b"\r\n")
        fields = (
            ("Subject", subject),
            ("Content-Type", f"text/plain; charset={charset}"),
            ("Content-Transfer-Encoding", encoding),
        )
        made.append((_DATE_LINE + raw, _facts(fields, (body,))))
    return made


def _facts(fields: tuple[tuple[str, str], ...], texts: tuple[str, ...], part_headers: tuple[str, ...] = ()) -> Letter:
    return Letter(1, fields=(("Date", "Mon, 14 Jun 2010 23:30:00 -0800"), *fields), sent=DATE, texts=texts,
                  part_headers=part_headers)  # fmt: skip


def _encoded_bodies() -> list[Sample]:
    plain = "A line about lanterns, and one about harbour=willow."
    html = (
        "<html><head><style>p {color: hidden-style}</style></head><body><p>Inner <b>lan</b>tern&nbsp;&eacute;t&eacute;"
    )
    return [
        (
            _DATE_LINE + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(plain.encode()),
            _facts((("Content-Transfer-Encoding", "base64"),), (plain,)),
        ),
        (
            _DATE_LINE + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nA line about lan=\r\nterns\r\n",
            _facts((("Content-Transfer-Encoding", "quoted-printable"),), ("A line about lanterns\r\n",)),
        ),
        (
            _DATE_LINE + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode(),
            _facts((("Content-Type", "text/html; charset=utf-8"),), ("Inner lantern été",)),
        ),
        (
            _DATE_LINE + b"Content-Type: application/octet-stream\r\n\r\nlanterns in a stream\r\n",
            _facts((("Content-Type", "application/octet-stream"),), ()),
        ),
    ]


def _headers() -> list[Sample]:
    return [
        (
            _DATE_LINE + b"Subject: the quick\r\n brown\r\n\tfox\r\nX-Twice: one\r\nx-twice: TWO\r\nX-Empty:\r\n\r\n",
            _facts(
                (("Subject", "the quick brown fox"), ("X-Twice", "one"), ("x-twice", "TWO"), ("X-Empty", "")), ("",)
            ),
        ),
        (
            _DATE_LINE + b'From: "Pete \\"Rocket\\" Smith" <Pete@Example.ORG>\r\nTo: =?utf-8?q?J=C3=BCrgen?=\r\n'
            b" =?utf-8?q?_M=C3=BCller?= <jm@example.org>, Joe\r\n <joe@example.net>\r\nCc: friends: a@example.com;\r\n"
            b"Bcc: hidden@example.com\r\n\r\n",
            _facts(
                (
                    ("From", '"Pete \\"Rocket\\" Smith" <Pete@Example.ORG>'),
                    ("To", "Jürgen Müller <jm@example.org>, Joe <joe@example.net>"),
                    ("Cc", "friends: a@example.com;"),
                    ("Bcc", "hidden@example.com"),
                ),
                ("",),
            ),
        ),
        (
            _DATE_LINE + "Subject: Größe roh\r\nFrom: Zoë <zoe@example.org>\r\n\r\n".encode(),
            _facts((("Subject", "Größe roh"), ("From", "Zoë <zoe@example.org>")), ("",)),
        ),
    ]


def _structures() -> list[Sample]:
    mixed = EmailMessage()
    mixed["Date"] = "Mon, 14 Jun 2010 23:30:00 -0800"
    mixed["Subject"] = "mixed parts"
    mixed.set_content("First: plain pears.\n")
    mixed.add_alternative("<p>Second: <i>hyper</i> pears</p>", subtype="html")
    mixed.add_attachment("Third: attached plums, Äpfel.\n", filename="plums.txt")
    mixed.add_attachment(b"Fourth: secret cherries", maintype="image", subtype="png", filename="cherries.png")
    inner = EmailMessage()
    inner["Subject"] = "Inner subject"
    inner.set_content("Inner grapes.\n", cte="base64")
    outer = EmailMessage()
    outer["Date"] = "Mon, 14 Jun 2010 23:30:00 -0800"
    outer["Subject"] = "Fwd: see below"
    outer.set_content("Outer melons.\n")
    outer.add_attachment(inner)
    mixed_texts = ("First: plain pears.\r\n", "Second: hyper pears", "Third: attached plums, Äpfel.\r\n")
    outer_texts = ("Outer melons.\r\n", "Inner grapes.\r\n")
    return [(_as_sent(mixed), _facts_of(mixed, mixed_texts)), (_as_sent(outer), _facts_of(outer, outer_texts))]


def _facts_of(message: EmailMessage, texts: tuple[str, ...]) -> Letter:
    inner = tuple(f"{name}: {value}" for part in [*message.walk()][1:] for name, value in part.items())
    return Letter(1, fields=tuple(message.items()), sent=DATE, texts=texts, part_headers=inner)


def _as_sent(message: EmailMessage) -> bytes:
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _odd() -> list[Sample]:
    return [
        (b"", Letter(1)),
        (b"\r\nonly a body: quinces\r\n", Letter(1, texts=("only a body: quinces\r\n",))),
        (b"Subject: no end", Letter(1, fields=(("Subject", "no end"),))),
        (b"Subject: bare\n\nbare linefeeds\n", Letter(1, fields=(("Subject", "bare"),), texts=("bare linefeeds\n",))),
        (
            b"Date: nonsense\r\nSubject: no date\r\n\r\ncaf\xe9, raw bytes\r\n",
            Letter(1, fields=(("Date", "nonsense"), ("Subject", "no date")), texts=("café, raw bytes\r\n",)),
        ),
    ]
