"""Which names a certificate is for, as people write them.

Must never: look a name up.

RFC 8555 section 7.1.3 (wildcards), RFC 5890 section 2.3.1 (letters, digits and hyphen).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.acme.settings import Challenge

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9.]+", re.ASCII)
_MAX_NAME_CHARACTERS: Final = 253


class NamesInvalid(ValueError):
    """Not what a certificate can be for; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One certificate that is to be there."""

    names: tuple[str, ...]
    """ASCII, lower case; the first gives it its name."""

    @property
    def name(self) -> str:
        """Of the folder that it is kept in."""
        return folder_name(self.names[0])


def folder_name(name: str) -> str:
    """What the folder of a certificate is called that `name` is the first name of."""
    return name.replace("*", "_")


def wanted(names: Sequence[str], challenge: Challenge) -> Wanted:
    """A certificate for some names. Raises NamesInvalid."""
    found = tuple(dict.fromkeys(ascii_name(each) for each in names))
    if not found:
        raise NamesInvalid("a certificate needs a name")
    for name in found:
        if name.startswith("*.") and challenge is not Challenge.DNS_01:
            raise NamesInvalid(
                f'{name}: wildcards are certified by DNS only: acme.challenge = "dns-01" and acme.dns_hook'
            )
    return Wanted(found)


def all_wanted(entries: Iterable[str], challenge: Challenge) -> tuple[Wanted, ...]:
    """The certificates of the setting `domains`. Raises NamesInvalid."""
    found = tuple(wanted(entry.split(), challenge) for entry in entries)
    for number, each in enumerate(found):
        if each.name in (other.name for other in found[:number]):
            raise NamesInvalid(f"{each.names[0]}: two entries begin with it; write its names into one")
    return found


def ascii_name(typed: str) -> str:
    """A host name as the DNS has it. Raises NamesInvalid."""
    star = "*." if typed.startswith("*.") else ""
    try:
        name = star + typed.removeprefix(star).rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if len(name) > _MAX_NAME_CHARACTERS or not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name):
        raise NamesInvalid(f'"{typed}" is no host name, such as mail.example.org')
    return name
