r"""Dovecot's `dovecot-uidlist`, version 3 (and 1): which UID each file of a Maildir has.

    3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
    25006 W2481 :1276528487.M364837P9451.host,S=2355,W=2407

The first line has UIDVALIDITY and UIDNEXT; then a UID, fields of one letter, and the file's name without its flags.

Must never: believe a list that contradicts itself; then there are no UIDs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from pillarbox.delivery.letters import Kept

LAST_UID: Final = 2**32 - 1
_VERSION_3: Final = re.compile(r"3 (?:\S+ )*?V([1-9]\d{0,9})(?: \S+)*? N([1-9]\d{0,9})(?: \S+)*\s*\Z")
_VERSION_1: Final = re.compile(r"1 ([1-9]\d{0,9}) ([1-9]\d{0,9})\s*\Z")


@dataclass(frozen=True, slots=True)
class UidList:
    """What the file says."""

    kept: Kept
    by_file: dict[str, int]
    """Name without flags -> UID."""


def base_name(file_name: str) -> str:
    """The part of a name that stays when flags change."""
    return re.split(r"[:;!]2,", file_name, maxsplit=1)[0]


def read_uidlist(path: Path) -> UidList | None:
    """None when there is none, or none that makes sense."""
    try:
        first, *lines = path.read_text("utf-8", "surrogateescape").split("\n")
    except (OSError, ValueError):
        return None
    header = _VERSION_3.match(first) or _VERSION_1.match(first)
    if header is None:
        return None
    by_file: dict[str, int] = {}
    for line in lines:
        uid, _, rest = line.partition(" ")
        if uid.isdigit():
            name = rest.partition(":")[2] if first.startswith("3") else rest
            by_file[base_name(name)] = int(uid)
    uids = list(by_file.values())
    uidnext = max(int(header[2]), uids[-1] + 1 if uids else 1)
    if any(earlier >= later for earlier, later in pairwise(uids)) or uidnext > LAST_UID:
        return None
    return UidList(Kept(int(header[1]), uidnext), by_file)
