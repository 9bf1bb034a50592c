"""Mailboxes full of conversations, the same on every run: what SORT and THREAD have to put in order.

`plain` ones are what mail clients write; `odd` ones have loops, doubles, missing ids, quoted ids and equal dates;
`subjects` tries base subjects. Must never: depend on the clock, on dict order or on the machine.
"""

from __future__ import annotations

import random

from tests.differential.corpus import Sample

PIECES = (
    *("re:", "Re :", "RE:", "fw:", "Fwd:", "FWD :", "re[2]:", "Re [x] :", "[list]", "[a] ", "[fwd:", "]", "(fwd)"),
    *(" (FWD) ", "lantern", "Harbour", "=?utf-8?q?=C3=A9t=C3=A9?=", "  ", "\t", "aw:", "reply", "[", "re", "Été"),
)
PEOPLE = (
    *("Ann Archer <ann@example.org>", "bo@example.org", '"Bo, Jr" <bo@example.com>', "=?utf-8?q?=C3=89va?= <e@x.org>"),
    *("Zoe <zoe@example.org>, ann@example.org", "ZOE@example.org", "", "élan <elan@example.org>"),
)


def conversations() -> list[tuple[str, list[Sample]]]:
    """Family and messages of each mailbox."""
    mailboxes = [("plain", _plain(random.Random(f"plain {serial}"), 50)) for serial in range(6)]
    mailboxes += [("odd", _odd(random.Random(f"odd {serial}"), 25)) for serial in range(12)]
    mailboxes += [("subjects", _subjects(random.Random(f"subjects {serial}"), 60)) for serial in range(4)]
    return mailboxes


def _sample(family: str, number: int, fields: dict[str, str], dice: random.Random) -> Sample:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    arrived = f"{dice.randrange(1, 29):02d}-Mar-2023 {dice.randrange(24):02d}:00:00 +0000"
    return Sample(family, f"{family} {number}", f"{head}\r\nletter {number}\r\n".encode(), arrived)


def _date(day: int, hour: int, minute: int = 0, zone: str = "+0000") -> str:
    return f"{day:02d} Feb 2023 {hour:02d}:{minute:02d}:00 {zone}"


def _plain(dice: random.Random, count: int) -> list[Sample]:
    """Replies name their ancestors; some letters are elsewhere; some answers come without references."""
    written: list[tuple[str, list[str]]] = []
    samples = []
    for number in range(count):
        name, above, subject = f"<{number}@example.org>", [], f"matter {dice.randrange(12)}"
        if written and dice.random() < 0.7:
            parent, ancestors = dice.choice(written)
            above = [*ancestors, parent][-dice.choice((1, 3, 9)) :]
            subject = dice.choice(("Re: ", "Re: ", "Fwd: ", "")) + subject
        written.append((name, above))
        if dice.random() < 0.15:
            continue
        fields = {"From": dice.choice(PEOPLE), "To": dice.choice(PEOPLE), "Cc": dice.choice(PEOPLE)}
        zone = dice.choice(("+0000", "-0800"))
        fields |= {"Subject": subject, "Date": _date(1 + number // 24, number % 24, number, zone)}
        fields |= {"Message-ID": name, dice.choice(("References", "References", "X-Lost")): " ".join(above)}
        samples.append(_sample("plain", number, fields, dice))
    dice.shuffle(samples)
    return samples


def _odd(dice: random.Random, count: int) -> list[Sample]:
    ids = [f"<{number}@example.org>" for number in range(14)]
    ids += ["<gone1@x>", '<"3"@example.org>', "<no-at-sign>", "not an id", "<a b@example.org>"]
    samples = []
    for number in range(count):
        above = " ".join(dice.choices(ids, k=dice.choice((0, 1, 2, 3, 5))))
        fields = {"Subject": dice.choice(("", "a", "b", "Re: a", "Re: b", "Fwd: c", "c", "d", "e", "f", "g"))}
        fields |= {"Message-ID": dice.choice(["", *ids]), "References": above}
        fields |= {"In-Reply-To": dice.choice(["", "", *ids]), "Date": _date(dice.randrange(1, 4), dice.randrange(6))}
        samples.append(_sample("odd", number, fields, dice))
    return samples


def _subjects(dice: random.Random, count: int) -> list[Sample]:
    samples = []
    for number in range(count):
        subject = " ".join(dice.choices(PIECES, k=dice.randrange(0, 6)))
        fields = {"Subject": subject or " ", "From": dice.choice(PEOPLE), "Date": _date(1 + number % 20, 5)}
        samples.append(_sample("subjects", number, fields, dice))
    return samples
