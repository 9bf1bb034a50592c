"""`pillarbox port ...`.

Must never: ask the network; all of it stands in tables.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.folding import folded
from pillarbox.cli.speech import Json, say_json, say_table
from pillarbox.firewall.finding import Kind
from pillarbox.firewall.recipes import Change, recipe
from pillarbox.firewall.request import Request
from pillarbox.ports.commands import PLACEHOLDER, HostInvalid, check_host, trial_commands
from pillarbox.ports.reference import Port, Reference, load_reference

_INDENT: Final = "  "
_WIDEST: Final = 80
_NARROWEST: Final = 40
_REGISTRY: Final = "https://www.iana.org/assignments/service-names-port-numbers"

Host = Annotated[str, Parameter(help="Host for the test commands. Default: mail.example.org.")]
Search = Annotated[str, Parameter(help="Only ports with all of these words.")]


def show(
    what: Annotated[str | None, Parameter(help="A number such as 993, or a name such as imaps.")] = None,
    /,
    *,
    host: Host = "",
    json: Json = False,
) -> None:
    """What a port is for, what to watch out for, how to try and open it."""
    if what is None:
        listing(json=json)
        return
    try:
        named_host = check_host(host) if host else PLACEHOLDER
    except HostInvalid as error:
        raise CommandFailed(f"--host: {error}", ExitCode.USAGE) from error
    reference = load_reference()
    port = _found(reference, what)
    if json:
        say_json(_as_json(port, named_host))
    else:
        _Page().show(port, reference, named_host)


def listing(*, search: Search = "", json: Json = False) -> None:
    """The ports that are known."""
    reference = load_reference()
    found = reference.search(search)
    if json:
        say_json(
            [
                {
                    "port": port.number,
                    "name": port.name,
                    "transports": list(port.transports),
                    "group": port.group,
                    "title": port.title,
                }
                for port in found
            ]
        )
        return
    if not found:
        groups = sorted({port.group for port in reference.ports})
        raise CommandFailed(
            f'no port has to do with "{search}"; try one word, or one of:\n{_INDENT}{", ".join(groups)}', ExitCode.USAGE
        )
    say_table(("port", "name", "what it is for"), [(port.label, port.name, port.title) for port in found])


def _found(reference: Reference, typed: str) -> Port:
    """Raises CommandFailed with the nearest and what to do."""
    number, _, _ = typed.strip().partition("/")
    if not number.isdecimal():
        port = reference.named(typed.strip())
        if port is None:
            raise CommandFailed(_unknown_name(reference, typed), ExitCode.USAGE)
        return port
    if not 1 <= int(number) <= 65535:
        raise CommandFailed(f"{number} is no port: ports go from 1 to 65535", ExitCode.USAGE)
    port = reference.numbered(int(number))
    if port is None:
        raise CommandFailed(_unknown_number(reference, int(number)), ExitCode.USAGE)
    return port


def _unknown_name(reference: Reference, typed: str) -> str:
    near = reference.near_name(typed)
    lines = [f'no port here is called "{typed}"']
    if near:
        lines += ["Did you mean:", *_short_lines(near)]
    lines += ["All of them: pillarbox port list", f"The whole registry: {_REGISTRY}"]
    return "\n".join(lines)


def _unknown_number(reference: Reference, number: int) -> str:
    if number < 1024:
        kind = "Ports up to 1023 are system ports: to listen on one takes special rights."
    elif number < 49152:
        kind = "Ports from 1024 to 49151 are registered, but any program may listen on one."
    else:
        kind = "Ports from 49152 on are handed out for the time of a connection."
    return "\n".join(
        [
            f"port {number} is not in this reference",
            kind,
            "The nearest that are:",
            *_short_lines(reference.near_number(number)),
            "Which program listens on it on this machine:",
            f"{_INDENT}ss -tulpn 'sport = :{number}'",
            "What answers there on another:",
            f"{_INDENT}nmap -sV -p {number} HOST",
            f"The whole registry: {_REGISTRY}",
        ]
    )


def _short_lines(ports: tuple[Port, ...]) -> list[str]:
    widest = max(len(port.label) for port in ports)
    return [f"{_INDENT}{port.label:{widest}}  {port.name}: {port.title}" for port in ports]


class _Page:
    """One port on a page: bold headings on a terminal, the same text everywhere."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        self._width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))

    def show(self, port: Port, reference: Reference, host: str) -> None:

        self._title(port)
        self._prose(port.purpose)
        self._heading("Common uses")
        self._items(port.uses)
        self._heading("Security")
        self._items(port.security)
        self._heading("Related ports")
        related = tuple(found for number in port.related if (found := reference.numbered(number)) is not None)
        self._lines(_short_lines(related))
        self._heading("Try it")
        self._commands(trial_commands(port, host))
        self._heading("Open it in this machine's firewall")
        self._commands(_firewall_commands(port))
        self._heading("See also")
        self._items((", ".join(port.references),))

    def _title(self, port: Port) -> None:
        aliases = f" (also {', '.join(port.aliases)})" if port.aliases else ""
        self._console.print(f"{port.label}  {port.name}{aliases}", style="bold")
        self._prose(port.title)
        self._console.print("-" * min(self._width, len(port.title)))
        if not port.is_registered:
            self._prose("IANA has no service of this name here; the name is the usual one.")

    def _heading(self, text: str) -> None:
        self._console.print()
        self._console.print(text, style="bold")

    def _prose(self, text: str) -> None:
        self._lines(textwrap.wrap(text, self._width))

    def _items(self, texts: tuple[str, ...]) -> None:
        for text in texts:
            self._lines(textwrap.wrap(text, self._width, initial_indent=_INDENT, subsequent_indent=_INDENT * 2))

    def _commands(self, commands: Sequence[str]) -> None:
        for command in commands:
            self._lines(folded(command, self._width))

    def _lines(self, lines: list[str]) -> None:
        for line in lines:
            self._console.print(line)


def _firewall_commands(port: Port) -> list[str]:

    commands = [f"pillarbox firewall open --port {port.number}"] if "tcp" in port.transports else []
    for kind in Kind:
        for transport in port.transports:
            commands += [step.text for step in recipe(kind, Change.OPEN, Request(port.number), transport)]
    return commands


def _as_json(port: Port, host: str) -> dict[str, object]:

    return {
        "port": port.number,
        "name": port.name,
        "aliases": list(port.aliases),
        "registered_with_iana": port.is_registered,
        "transports": list(port.transports),
        "group": port.group,
        "title": port.title,
        "purpose": port.purpose,
        "uses": list(port.uses),
        "security": list(port.security),
        "related": list(port.related),
        "host": host,
        "test_commands": list(trial_commands(port, host)),
        "firewall_commands": _firewall_commands(port),
        "references": list(port.references),
    }
