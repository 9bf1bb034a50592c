"""Other programs, run with --run-tools: what they say, beside what was found here.

Must never: give them the password, let one run without end, or run one through a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pillarbox.check.by_hand import curl_words
from pillarbox.check.findings import Finding, Scribe, Section
from pillarbox.check.names import is_address
from pillarbox.check.probe import Probe
from pillarbox.check.settings import CheckSettings, OtherTools
from pillarbox.check.trouble import printable

_TOOLS: Final = Scribe(Section.TOOLS, "tools")
_MOST_OUTPUT: Final = 65_536
_OPEN: Final = "open"
_SHUT: Final = "not open"
_TRUSTED: Final = "trusted"
_MISTRUSTED: Final = "not trusted"
_NO_TLS: Final = "no TLS"


@dataclass(frozen=True, slots=True)
class Output:
    """How a program ended."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class _Tool:
    """One program: how it is called, and what its output means; None when that is not clear."""

    name: str
    words: tuple[str, ...]
    reading: Callable[[Output], str | None]


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Nothing unless asked. Programs run one after another: they measure the same server."""
    if probe.settings.tools is OtherTools.LEAVE:
        return ()
    return tuple([await _compare(probe, tool) for tool in _tools(probe.settings)])


async def _compare(probe: Probe, tool: _Tool) -> Finding:
    name = tool.name.replace(" ", "_").replace("/", "_")
    if shutil.which(tool.words[0]) is None:
        return _TOOLS.skipped(name, tool.name, "not installed")
    output = await run(tool.words, probe.settings.limits.tool_seconds)
    if output is None:
        return _TOOLS.skipped(name, tool.name, f"did not end within {probe.settings.limits.tool_seconds:g} s")
    said = tool.reading(output)
    if said is None:
        last = output.text.strip().splitlines()[-1:] or ["nothing"]
        return _TOOLS.skipped(name, tool.name, f"says: {printable(last[0], 100)}")
    own = _own(probe, said)
    if said == own:
        return _TOOLS.good(name, tool.name, f"agrees: {said}", facts={"said": said, "agrees": True})
    return _TOOLS.warning(
        name, tool.name, f"says {said}; found here: {own}", "See the command's own output.", cap="A+",
        facts={"said": said, "agrees": False},
    )  # fmt: skip


def _own(probe: Probe, question: str) -> str:
    """Our own answer to the question that a program's answer belongs to."""
    if question in (_OPEN, _SHUT):
        return _OPEN if probe.seen.open_address else _SHUT
    if not probe.seen.speaks_tls:
        return _NO_TLS
    return _TRUSTED if probe.seen.is_vouched_for else _MISTRUSTED


def _tools(settings: CheckSettings) -> tuple[_Tool, ...]:
    host, port = settings.host, str(settings.port)
    seconds = str(max(1, round(settings.limits.step_seconds)))
    ipv6 = ("-6",) if ":" in host else ()
    tools = [
        _Tool("nc", ("nc", "-zv", "-w", seconds, host, port), _by_code),
        _Tool("/dev/tcp", ("bash", "-c", 'echo > "/dev/tcp/$1/$2"', "bash", host, port), _by_code),
        _Tool("telnet", ("telnet", host, port), _telnet),
        _Tool("nmap", ("nmap", *ipv6, "-n", "-Pn", "-p", port, "-sV", "--version-intensity", "0", host), _nmap),
        _Tool("openssl", _openssl_words(settings), _openssl),
    ]
    if curl := curl_words(settings):
        tools.append(_Tool("curl", (*curl, "--max-time", seconds), _curl))
    return tuple(tools)


def _openssl_words(settings: CheckSettings) -> tuple[str, ...]:
    host = settings.host
    endpoint = f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"
    check = ("-verify_ip", host) if is_address(host) else ("-servername", host, "-verify_hostname", host)
    trust = () if settings.ca_file is None else ("-no-CApath", "-no-CAstore", "-CAfile", str(settings.ca_file))
    starttls = () if settings.service.openssl is None else ("-starttls", settings.service.openssl)
    return ("openssl", "s_client", "-connect", endpoint, *check, *trust, *starttls)


def _by_code(output: Output) -> str | None:
    return _OPEN if output.code == 0 else _SHUT


def _telnet(output: Output) -> str | None:
    if "Connected to" in output.text:
        return _OPEN
    return _SHUT if "Unable to connect" in output.text or "refused" in output.text else None


def _nmap(output: Output) -> str | None:
    for line in output.text.splitlines():
        if "/tcp" in line:
            return _OPEN if line.split()[1:2] == ["open"] else _SHUT
    return None


def _openssl(output: Output) -> str | None:
    if "Verify return code: 0 (ok)" in output.text:
        return _TRUSTED
    if "Verify return code:" in output.text and "-----BEGIN CERTIFICATE" in output.text:
        return _MISTRUSTED
    return _NO_TLS if "no peer certificate available" in output.text or output.code else None


def _curl(output: Output) -> str | None:
    if output.code in (60, 51):
        return _MISTRUSTED
    if "SSL certificate verify ok" in output.text:
        return _TRUSTED
    return _NO_TLS if output.code in (35, 64) else None


async def run(words: tuple[str, ...], seconds: float) -> Output | None:
    """Without input or a terminal; None when it did not end in time."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"LC_ALL": "C"},
    )
    assert process.stdout is not None
    text = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while data := await process.stdout.read(4096):
                text += data[: max(0, _MOST_OUTPUT - len(text))]
            return Output(await process.wait(), text.decode("utf-8", "replace"))
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
