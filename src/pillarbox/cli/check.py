"""`pillarbox check HOST[:PORT]`: any mail server, looked at from outside.

Must never: take a password as an argument, or colour what is not a terminal.
"""

from __future__ import annotations

import asyncio
import getpass
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from pillarbox.check.checkup import check as run_check
from pillarbox.check.findings import Report, Step, exit_code
from pillarbox.check.names import is_address
from pillarbox.check.probe import strict_context
from pillarbox.check.services import service_named, service_on
from pillarbox.check.settings import CheckSettings, Depth, Limits, Login, OtherTools, Resolver
from pillarbox.check.telling import screen
from pillarbox.check.telling.document import document
from pillarbox.check.telling.live import LiveView
from pillarbox.check.telling.metrics import metrics
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.speech import Json, say, say_json
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Target:
    """What is checked, and as whom."""

    protocol: Annotated[
        str | None,
        Parameter(help="imaps, imap, submissions, submission, smtp, pop3s, pop3 or sieve. Default: by the port."),
    ] = None
    domain: Annotated[str | None, Parameter(help="The part behind the @: checks its DNS records and autoconfig.")] = (
        None
    )
    user: Annotated[str | None, Parameter(help="Log in as this user; asks for the password.")] = None
    password_stdin: Annotated[bool, Parameter(negative="", help="Read the password from stdin, one line.")] = False
    cafile: Annotated[Path | None, Parameter(help="Trust this PEM file instead of the system's authorities.")] = None
    resolver: Annotated[
        str | None, Parameter(help="ADDRESS[:PORT] of a DNS server to ask instead of the system's.")
    ] = None
    https_port: Annotated[int, Parameter(help="Where autoconfig is fetched.")] = 443


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Bounds:
    """How long, and when to warn."""

    step_seconds: Annotated[float, Parameter(help="The longest wait for one answer. Default: 5.")] = 5.0
    total_seconds: Annotated[float, Parameter(help="The longest check, without other tools. Default: 60.")] = 60.0
    tool_seconds: Annotated[float, Parameter(help="The longest run of another tool. Default: 20.")] = 20.0
    warn_days: Annotated[int, Parameter(help="Warn so many days before the certificate ends. Default: 14.")] = 14


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class View:
    """How the answer is told."""

    prometheus: Annotated[bool, Parameter(negative="", help="Answer as Prometheus metrics.")] = False
    watch: Annotated[bool, Parameter(negative="", help="Check again and again, in a live view (quick rounds).")] = False
    every: Annotated[float, Parameter(help="Seconds between two rounds of --watch. Default: 10.")] = 10.0
    rounds: Annotated[int | None, Parameter(help="End --watch after so many rounds. Default: never.")] = None
    quick: Annotated[bool, Parameter(negative="", help="Leave out the list of versions and cipher suites.")] = False
    run_tools: Annotated[bool, Parameter(negative="", help="Run nc, telnet, nmap, openssl, curl too, and compare.")] = (
        False
    )
    no_commands: Annotated[bool, Parameter(negative="", help="Leave out the commands to copy.")] = False


def check(
    host: Annotated[str, Parameter(help="HOST, HOST:PORT or [IPv6]:PORT. Port: 993, or the protocol's own.")],
    /,
    *,
    target: Target = Target(),
    bounds: Bounds = Bounds(),
    json: Json = False,
    view: View = View(),
) -> int:
    """Look at a mail server from outside. Returns a code for monitoring."""
    settings = _settings(host, target, bounds, view)
    if view.watch:
        return _watch(settings, view)

    if json or view.prometheus:
        report = _checked(settings)
        if json:
            say_json(document(report))
        else:
            say(metrics(report).rstrip("\n"))
    else:
        report = _shown(settings, view)
    return int(exit_code(report.findings))


def _checked(settings: CheckSettings) -> Report:

    return asyncio.run(run_check(settings, SystemClock(), lambda step: None))


def _shown(settings: CheckSettings, view: View) -> Report:
    """Each section appears when it is done."""

    console = Console(highlight=False, markup=False, soft_wrap=True)
    width = console.width
    by_hand = screen.ByHand.HIDE if view.no_commands else screen.ByHand.SHOW
    for line in screen.heading(settings.host, settings.port, settings.service.title, width):
        console.print(line)

    def tell(step: Step) -> None:
        for line in screen.section(step, width, by_hand):
            console.print(line)

    report = asyncio.run(run_check(settings, SystemClock(), tell))
    for line in screen.summary(report, width):
        console.print(line)
    return report


def _watch(settings: CheckSettings, view: View) -> int:
    """Rounds until Ctrl-C or --rounds; the code is the last round's."""

    shown, console, codes = LiveView(), Console(), []

    async def go_on(live: Live | None) -> None:
        clock = SystemClock()
        while True:
            start = clock.monotonic_seconds()
            report = await run_check(settings, clock, lambda step: None)
            shown.add(report)
            codes.append(int(exit_code(report.findings)))
            if live is None:
                say(shown.line())
                sys.stdout.flush()
            else:
                live.update(shown.render(), refresh=True)
            if len(codes) == view.rounds:
                return
            await asyncio.sleep(max(0.0, view.every - (clock.monotonic_seconds() - start)))

    try:
        if console.is_terminal:
            with Live(shown.render(), console=console, auto_refresh=False) as live:
                asyncio.run(go_on(live))
        else:
            asyncio.run(go_on(None))
    except KeyboardInterrupt:
        if not codes:
            raise
    return codes[-1]


def _settings(given: str, target: Target, bounds: Bounds, view: View) -> CheckSettings:

    for name, value in (("step", bounds.step_seconds), ("total", bounds.total_seconds), ("tool", bounds.tool_seconds)):
        if not 0 < value <= 3600:
            raise CommandFailed(f"--{name}-seconds: must be more than 0 and at most 3600", ExitCode.USAGE)
    if view.every < 1:
        raise CommandFailed("--every: must be 1 or more", ExitCode.USAGE)
    if view.rounds is not None and view.rounds < 1:
        raise CommandFailed("--rounds: must be 1 or more", ExitCode.USAGE)
    _read_authorities(target.cafile)
    host, port = _host_and_port(given)
    service = service_on(port or 993) if target.protocol is None else service_named(target.protocol)
    if service is None:
        raise CommandFailed(f"--protocol: there is no protocol {target.protocol}", ExitCode.USAGE)
    return CheckSettings(
        host=host,
        port=port or service.port,
        service=service,
        domain=None if target.domain is None else _ascii_name(target.domain),
        login=_login(target),
        ca_file=target.cafile,
        resolver=_resolver(target.resolver),
        https_port=target.https_port,
        warn_days=bounds.warn_days,
        depth=Depth.QUICK if view.quick or view.watch else Depth.FULL,
        tools=OtherTools.RUN if view.run_tools else OtherTools.LEAVE,
        limits=Limits(
            step_seconds=bounds.step_seconds,
            total_seconds=bounds.total_seconds,
            listen_seconds=min(Limits().listen_seconds, bounds.step_seconds),
            tool_seconds=bounds.tool_seconds,
        ),
    )


def _read_authorities(path: Path | None) -> None:
    """A mistake in this file is the caller's, and must not look like the server's."""
    if path is None:
        return
    try:
        strict_context(path)
    except ssl.SSLError as error:
        raise CommandFailed(f"--cafile: there is no certificate in {path} (PEM)", ExitCode.NO_INPUT) from error
    except OSError as error:
        raise CommandFailed(f"--cafile: {path}: {error.strerror}", ExitCode.NO_INPUT) from error


def _host_and_port(given: str) -> tuple[str, int | None]:
    """`name`, `name:993`, `192.0.2.1:993`, `2001:db8::1` or `[2001:db8::1]:993`."""
    text, port = given.strip(), ""
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        text, port = text.split(":")
    if not text or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536)):
        raise CommandFailed(f"{given!r} is not HOST, HOST:PORT or [IPv6]:PORT", ExitCode.USAGE)
    return _ascii_name(text), int(port) if port else None


def _ascii_name(name: str) -> str:
    """As in the DNS: names in other scripts become A-labels."""
    try:
        text = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise CommandFailed(f"{name!r} can't be the name of a host", ExitCode.USAGE) from error
    if not all(character.isalnum() or character in ".-_:" for character in text) or text.startswith("-"):
        raise CommandFailed(f"{name!r} can't be the name of a host", ExitCode.USAGE)
    return text.rstrip(".")


def _resolver(given: str | None) -> Resolver | None:

    if given is None:
        return None
    address, port = _host_and_port(given)
    if not is_address(address):
        raise CommandFailed("--resolver: give an address, not a name", ExitCode.USAGE)
    return Resolver(address, port or 53)


def _login(target: Target) -> Login | None:

    if target.user is None:
        if target.password_stdin:
            raise CommandFailed("--password-stdin needs --user", ExitCode.USAGE)
        return None
    if target.password_stdin:
        try:
            line = sys.stdin.buffer.readline().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CommandFailed("the password on stdin is not UTF-8", ExitCode.USAGE) from error
        return Login(target.user, Secret(line.removesuffix("\n").removesuffix("\r")))
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask for the password; give --password-stdin", ExitCode.USAGE)
    return Login(target.user, Secret(getpass.getpass(f"Password for {target.user}: ")))
