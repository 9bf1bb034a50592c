"""Looks ports up in the tables beside it.

Must never: answer with a port that only resembles what was asked for, without saying so.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

_SIMILARITY = 0.6
"""Of names that are suggested; difflib's usual measure."""


@dataclass(frozen=True, slots=True)
class Port:
    """One port as people meet it."""

    number: int
    name: str
    """IANA's service name; the usual one where IANA has none."""
    is_registered: bool
    """Whether IANA registered the number for a service of this name."""
    transports: tuple[str, ...]
    """`tcp`, `udp`: what the service really uses, which is what a firewall should open; IANA often lists both."""
    group: str
    """The table it stands in: `mail`, `web`, ..."""
    title: str
    purpose: str
    uses: tuple[str, ...]
    security: tuple[str, ...]
    related: tuple[int, ...]
    tests: tuple[str, ...]
    """Commands with `{host}` for the host."""
    references: tuple[str, ...]
    aliases: tuple[str, ...]

    @property
    def label(self) -> str:
        """`993/tcp`, `53/tcp+udp`."""
        return f"{self.number}/{'+'.join(self.transports)}"

    @property
    def words(self) -> str:
        """All that a search looks at, in lower case."""
        parts = (str(self.number), self.name, *self.aliases, self.group, self.title, self.purpose, *self.uses)
        return " ".join(parts).lower()


class Reference:
    """All ports, by number."""

    def __init__(self, ports: Iterable[Port]) -> None:
        self.ports = tuple(sorted(ports, key=lambda port: port.number))
        self._by_number = {port.number: port for port in self.ports}
        self._by_name = {name.lower(): port for port in self.ports for name in (*port.aliases, port.name)}

    def numbered(self, number: int) -> Port | None:
        return self._by_number.get(number)

    def named(self, name: str) -> Port | None:
        """By service name or alias, in any case."""
        return self._by_name.get(name.lower())

    def near_name(self, name: str) -> tuple[Port, ...]:
        """Ports with similar names, then those that a search finds; at most five."""
        close = difflib.get_close_matches(name.lower(), self._by_name, n=5, cutoff=_SIMILARITY)
        found = dict.fromkeys([*(self._by_name[each] for each in close), *self.search(name)])
        return tuple(found)[:5]

    def near_number(self, number: int) -> tuple[Port, ...]:
        """The known ports just below and just above."""
        below = [port for port in self.ports if port.number < number][-1:]
        above = [port for port in self.ports if port.number > number][:1]
        return (*below, *above)

    def search(self, text: str) -> tuple[Port, ...]:
        """Ports whose words hold all of the words searched for, by number."""
        wanted = text.lower().split()
        return tuple(port for port in self.ports if all(word in port.words for word in wanted))


def load_reference() -> Reference:
    """Read the tables."""
    return Reference(port for _, ports in read_tables() for port in ports)


def read_tables() -> list[tuple[str, list[Port]]]:
    """Every table by its name, its ports in the order written."""
    folder = resources.files(__package__) / "tables"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [
        (group, [_port(group, entry) for entry in tomllib.loads((folder / name).read_text("utf-8"))["port"]])
        for name in names
        for group in [name.removesuffix(".toml")]
    ]


def _port(group: str, entry: dict[str, Any]) -> Port:  # Any: TOML
    """Raises KeyError when a field is missing, TypeError when there is one too many."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Port(group=group, aliases=fields.pop("aliases", ()), is_registered=fields.pop("registered", True), **fields)
