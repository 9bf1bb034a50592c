"""Reads what `firewall-cmd --list-all` prints of a zone, rich rules among it (firewalld.richlanguage(5)).

Must never: take a rich rule for sure when a word of it is not known.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pillarbox.firewall.request import Network
from pillarbox.firewall.rules import Certainty, Chain, Rule, Verdict
from pillarbox.firewall.tokens import network_or_none, port_ranges

_ACTIONS: Final = {"accept": Verdict.ACCEPT, "reject": Verdict.BLOCK, "drop": Verdict.BLOCK}

Ports = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule of a zone, and the option of firewall-cmd that removes it."""

    rule: Rule
    removal: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """One listing of a zone, running or permanent."""

    name: str
    policy: Verdict
    entries: tuple[Entry, ...]
    lines: tuple[str, ...]
    """The listing in an order of its own, to compare two of them."""

    @property
    def chain(self) -> Chain:
        """As firewalld orders rules: by priority; of the same priority first what blocks, then what lets in."""
        ordered = sorted(self.entries, key=lambda entry: (entry.priority, entry.rule.verdict is not Verdict.BLOCK))
        return Chain(f"zone {self.name}", self.policy, tuple(entry.rule for entry in ordered))


def parse_zone(name: str, listing: str, service_ports: Callable[[str], Ports]) -> Zone:
    """`service_ports` tells the TCP ports of a service."""
    target, rich_rules = "default", []
    entries: list[Entry] = []
    in_rich_rules = False
    for line in listing.splitlines():
        key, _, value = line.strip().partition(":")
        if in_rich_rules:
            rich_rules.append(line.strip())
        elif key == "target":
            target = value.strip()
        elif key == "services":
            entries += [_service(service, service_ports(service)) for service in value.split()]
        elif key == "ports":
            entries += [_port(text) for text in value.split()]
        elif key == "rich rules":
            in_rich_rules = True
    entries += [_rich(text, service_ports) for text in rich_rules if text]
    policy = Verdict.ACCEPT if target == "ACCEPT" else Verdict.BLOCK
    return Zone(name, policy, tuple(entries), tuple(sorted(line.strip() for line in listing.splitlines())))


def tcp_ports(text: str) -> Ports:
    """`993/tcp 53/udp 6000-6010/tcp`: the TCP ones."""
    found: Ports = ()
    for word in text.split():
        ports, _, transport = word.partition("/")
        if transport == "tcp":
            found += port_ranges(ports) or ()
    return found


def _service(service: str, ports: Ports) -> Entry:
    certainty = Certainty.SURE if ports else Certainty.NEVER
    rule = Rule(f"service {service}", Verdict.ACCEPT, ports, certainty=certainty)
    return Entry(rule, f"--remove-service={service}")


def _port(text: str) -> Entry:
    ports = tcp_ports(text)
    certainty = Certainty.SURE if ports else Certainty.NEVER
    return Entry(Rule(f"port {text}", Verdict.ACCEPT, ports, certainty=certainty), f"--remove-port={text}")


def _rich(text: str, service_ports: Callable[[str], Ports]) -> Entry:
    reader = _RichReader(service_ports)
    for word in shlex.split(text):
        reader.read(word)
    rule = Rule(text, reader.verdict, reader.ports, reader.source, reader.version, reader.certainty)
    return Entry(rule, f"--remove-rich-rule={text}", reader.priority)


class _RichReader:
    def __init__(self, service_ports: Callable[[str], Ports]) -> None:
        self._service_ports = service_ports
        self._element = ""
        self.verdict = Verdict.NOTHING
        self.ports: Ports | None = None
        self.source: Network | None = None
        self.version: int | None = None
        self.certainty = Certainty.SURE
        self.priority = 0

    def read(self, word: str) -> None:
        key, equals, value = word.partition("=")
        if not equals:
            self._element = word
            if word in _ACTIONS:
                self.verdict = _ACTIONS[word]
            elif word not in ("rule", "source", "port", "service", "log", "audit"):
                self._doubt()
            return
        match self._element, key:
            case "rule", "family":
                self.version = 6 if value == "ipv6" else 4
            case "rule", "priority":
                self.priority = int(value)
            case "source", "address":
                self.source = network_or_none(value)
                if self.source is None:
                    self._doubt()
            case "port", "port":
                self.ports = port_ranges(value)
                if self.ports is None:
                    self._doubt()
            case "port", "protocol" if value != "tcp":
                self.certainty = Certainty.NEVER
            case "service", "name":
                self.ports = self._service_ports(value)
                if not self.ports:
                    self.certainty = Certainty.NEVER
            case ("port", "protocol") | ("log", "prefix" | "level" | "group") | ("reject", "type"):
                pass
            case _:
                self._doubt()

    def _doubt(self) -> None:
        if self.certainty is Certainty.SURE:
            self.certainty = Certainty.UNSURE
