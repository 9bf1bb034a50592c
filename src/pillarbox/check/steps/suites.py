"""Every protocol version and every cipher suite that the server accepts, by asking for each with a hand-made hello.

The list is found as all scanners do: offer many, note which one the server picks, offer the rest, until it refuses.

Must never: count silence as a refusal.

RFC 8996 (TLS 1.0 and 1.1 deprecated), 7568 (SSL 3.0), 9325 (recommendations), 7465 (RC4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pillarbox.check.asking import ask
from pillarbox.check.findings import Fact, Finding, Scribe, Section
from pillarbox.check.hello import ServerHello, Version
from pillarbox.check.probe import Probe
from pillarbox.check.suites import Strength, Suite, all_suites
from pillarbox.check.trouble import HungUp, TlsFailed, Trouble

_SUITES: Final = Scribe(Section.SUITES, "suites")
_AT_ONCE: Final = 64
"""Suites in one hello; old servers choke on longer lists."""
_OLD: Final = "Allow TLS 1.2 and 1.3 only."


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one version accepts, in the order that the server gave; `trouble` when that can't be known."""

    version: Version
    suites: tuple[Suite, ...]
    server_chooses: bool = False
    trouble: Trouble | None = None


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Oldest version first."""
    if not (probe.seen.speaks_tls or probe.seen.may_have_other_versions):
        return ()
    gate = asyncio.Semaphore(probe.settings.limits.parallel)
    accepted = await asyncio.gather(*(_version(probe, gate, version) for version in Version))
    return (*(_version_finding(each) for each in accepted), *_overall(accepted))


async def _version(probe: Probe, gate: asyncio.Semaphore, version: Version) -> Accepted:
    try:
        lists = await asyncio.gather(*(_accepted_of(probe, gate, version, portion) for portion in _portions(version)))
        found = [suite for portion in lists for suite in portion]
        if len([portion for portion in lists if portion]) > 1:
            in_order = await _accepted_of(probe, gate, version, found)  # one list, in the server's own order
            found = in_order if len(in_order) == len(found) else found
        accepted = Accepted(version, tuple(found))
        if len(found) > 1:
            backwards = await _pick(probe, gate, version, found[::-1])
            accepted = replace(accepted, server_chooses=backwards == found[0].code)
    except Trouble as trouble:
        return Accepted(version, (), trouble=trouble)
    return accepted


def _portions(version: Version) -> list[list[Suite]]:
    """Suites of one key exchange at a time: Dovecot without DH parameters hangs up when a list begins with DHE,
    whatever else is on it.
    """
    by_exchange: dict[str, list[Suite]] = {}
    for suite in all_suites():
        if _belongs(suite, version):
            by_exchange.setdefault(suite.exchange, []).append(suite)
    return [kind[start : start + _AT_ONCE] for kind in by_exchange.values() for start in range(0, len(kind), _AT_ONCE)]


def _belongs(suite: Suite, version: Version) -> bool:
    if version is Version.TLS1_3 or suite.is_1_3:
        return version is Version.TLS1_3 and suite.is_1_3
    return version is Version.TLS1_2 or not suite.needs_1_2


async def _accepted_of(probe: Probe, gate: asyncio.Semaphore, version: Version, suites: Sequence[Suite]) -> list[Suite]:
    """Every round takes one suite off the list, so it ends."""
    left = {suite.code: suite for suite in suites}
    found: list[Suite] = []
    while left:
        code = await _pick(probe, gate, version, list(left.values()))
        if code is None or code not in left:
            break
        found.append(left.pop(code))
    return found


async def _pick(probe: Probe, gate: asyncio.Semaphore, version: Version, suites: Sequence[Suite]) -> int | None:
    """The suite that the server picks; None when it refuses. Raises Trouble when it does neither."""
    async with gate:
        try:
            answer = await ask(probe, version, suites)
        except HungUp:
            return None
        except TlsFailed:
            return None
    return answer.suite if isinstance(answer, ServerHello) and answer.version == version else None


def _version_finding(accepted: Accepted) -> Finding:
    version = accepted.version
    name, label = version.name.lower(), version.title
    if accepted.trouble is not None:
        return _SUITES.unknown(name, label, str(accepted.trouble))
    names = [suite.name for suite in accepted.suites]
    facts: dict[str, Fact] = {"accepted": bool(names), "suites": names, "server_chooses": accepted.server_chooses}
    if not names:
        if version is Version.TLS1_3:
            return _SUITES.note(name, label, "not offered", "TLS 1.3 is faster and safer: allow it.", facts=facts)
        if version is Version.TLS1_2:
            return _SUITES.note(name, label, "not offered; some older programs need it", facts=facts)
        return _SUITES.good(name, label, "refused, as it should be", facts=facts)
    said = f"{len(names)} suite{'s' if len(names) > 1 else ''}"
    if len(names) > 1:
        said += ", the server chooses" if accepted.server_chooses else ", the client chooses"
    if version is Version.SSL3:
        found = _SUITES.failure(name, label, f"accepted ({said}): broken (POODLE)", _OLD, cap="D", facts=facts)
    elif version in (Version.TLS1_0, Version.TLS1_1):
        found = _SUITES.warning(name, label, f"accepted ({said}): outdated (RFC 8996)", _OLD, cap="C", facts=facts)
    else:
        found = _SUITES.good(name, label, said, facts=facts)
    return replace(found, details=tuple(_described(suite) for suite in accepted.suites))


def _described(suite: Suite) -> str:
    if suite.strength is Strength.GOOD:
        return suite.name
    word = "weak" if suite.strength is Strength.WEAK else ""
    return f"{suite.name} ({': '.join(part for part in (word, ', '.join(suite.faults)) if part)})"


def _overall(accepted: Sequence[Accepted]) -> tuple[Finding, ...]:
    """Weak suites by name, and whether any current version is there at all."""
    known = [each for each in accepted if each.trouble is None]
    suites = {suite for each in known for suite in each.suites}
    found = []
    if known and not any(each.suites for each in accepted if each.version >= Version.TLS1_2):
        if any(each.trouble for each in accepted):
            return ()
        old = "no version at all" if not suites else "only versions that current programs refuse"
        found.append(_SUITES.failure("current", "Current versions", f"neither TLS 1.2 nor 1.3: {old}", _OLD))
    if not suites:
        return tuple(found)
    by_strength = {strength: sorted(each.name for each in suites if each.strength is strength) for strength in Strength}
    if bad := by_strength[Strength.NONE]:
        found.append(
            _SUITES.failure(
                "unprotected", "No protection", ", ".join(bad), "Forbid these suites.", facts={"suites": bad}
            )
        )
    if weak := by_strength[Strength.WEAK]:
        found.append(
            _SUITES.warning(
                "weak", "Weak suites", ", ".join(weak), "Forbid these suites.", cap="C", facts={"suites": weak}
            )
        )
    if dated := by_strength[Strength.DATED]:
        said = f"{len(dated)} without forward secrecy or with CBC, marked above"
        found.append(
            _SUITES.note(
                "dated", "Dated suites", said, "Keep ECDHE with GCM or ChaCha20 only.", facts={"suites": dated}
            )
        )
    if not by_strength[Strength.GOOD]:
        found.append(
            _SUITES.warning(
                "secrecy",
                "Good suites",
                "none has forward secrecy and authenticated encryption",
                "Allow ECDHE with AES-GCM or ChaCha20.",
            )
        )
    if not (bad or weak or dated):
        found.append(_SUITES.good("strength", "Strength", "every suite has forward secrecy and is sound"))
    return tuple(found)
