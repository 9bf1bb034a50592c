"""The conversation inside TLS: greeting, capabilities, login, capabilities after it, and one round trip (IDLE).

Must never: send the password when any question about the certificate was answered badly.

RFC 9051 sections 6.1 and 6.2, RFC 2177; RFC 8314 section 3 (login over TLS).
"""

from __future__ import annotations

import ssl
from typing import Final

from pillarbox.check.dialects import Dialect
from pillarbox.check.findings import Finding, Scribe, Section
from pillarbox.check.probe import Probe, seeing_context, strict_context
from pillarbox.check.services import Talk
from pillarbox.check.settings import Login
from pillarbox.check.trouble import Said, TooMuch, Trouble, printable

_TALK: Final = Scribe(Section.TALK, "talk")


async def look(probe: Probe) -> tuple[Finding, ...]:
    """One connection from the greeting to the goodbye."""
    if not probe.seen.speaks_tls:
        return ()
    found: list[Finding] = []
    verified = probe.seen.is_certificate_good
    context = strict_context(probe.settings.ca_file) if verified else seeing_context()
    try:
        async with probe.ready_for_tls() as wire:
            await wire.start_tls(context, probe.settings.host if verified else probe.server_name)
            speaker = probe.dialect(wire)
            await _before_login(probe, speaker, found)
            await _after_login(probe, speaker, found)
            await speaker.goodbye()
    except ssl.SSLCertVerificationError as error:
        # Judged good above, refused now: another machine behind the name, or a check that only strict programs make.
        said = f"a strict mail program refuses the certificate: {printable(error.verify_message)}"
        remedy = "Check every machine behind this name, and have the certificate issued anew."
        found.append(_TALK.failure("greeting", "Greeting", said, remedy))
    except Trouble as trouble:
        found.append(_broken(probe, found, trouble))
    return tuple(found)


async def _before_login(probe: Probe, speaker: Dialect, found: list[Finding]) -> None:
    start = probe.clock.monotonic_seconds()
    service = probe.settings.service
    if service.openssl is None or service.talk is Talk.SIEVE:  # others greeted before TLS, and do not again
        text = await speaker.greeting()
        spent = probe.milliseconds_since(start)
        found.append(
            _TALK.good("greeting", "Greeting", f"{text} ({spent} ms)", facts={"text": text, "milliseconds": spent})
        )
    words = await speaker.capabilities()
    found.append(_TALK.good("capability", "Capabilities", " ".join(words), facts={"capabilities": list(words)}))
    if service.talk is Talk.IMAP:
        found += _imap_findings({word.upper() for word in words})


def _imap_findings(words: set[str]) -> list[Finding]:
    found = []
    if not words & {"IMAP4REV1", "IMAP4REV2"}:
        found.append(_TALK.failure("version", "Version", "neither IMAP4rev1 nor IMAP4rev2", "Is this an IMAP server?"))
    if "LOGINDISABLED" in words:
        said = "login is disabled although TLS is on: nobody gets in"
        found.append(_TALK.failure("offer", "Login", said, "Allow login over TLS in the server's configuration."))
    return found


async def _after_login(probe: Probe, speaker: Dialect, found: list[Finding]) -> None:
    login = probe.settings.login
    if login is None:
        found.append(_TALK.skipped("login", "Login", "not tried; give --user and --password-stdin"))
        return
    if not probe.seen.is_certificate_good:
        said = "not tried: the password is not sent to a server that can't prove who it is"
        found.append(
            _TALK.unknown("login", "Login", said, "Mend the certificate first, or give its authority: --cafile.")
        )
        return
    start = probe.clock.monotonic_seconds()
    if not await _log_in(speaker, login, found):
        return
    spent = probe.milliseconds_since(start)
    found.append(
        _TALK.good(
            "login", "Login", f"{login.user} gets in ({spent} ms)", facts={"success": True, "milliseconds": spent}
        )
    )
    words = await speaker.capabilities()
    found.append(_TALK.good("capability_after", "After login", " ".join(words), facts={"capabilities": list(words)}))
    start = probe.clock.monotonic_seconds()
    name = await speaker.round_trip()
    spent = probe.milliseconds_since(start)
    if name is None:
        found.append(
            _TALK.warning(
                "idle",
                "IDLE",
                "not offered: new mail shows only when programs ask for it",
                "Switch IDLE on in the server.",
            )
        )
    else:
        found.append(_TALK.good("idle", name, f"there and back in {spent} ms", facts={"milliseconds": spent}))


async def _log_in(speaker: Dialect, login: Login, found: list[Finding]) -> bool:
    try:
        await speaker.login(login)
    except Said as trouble:
        found.append(
            _TALK.failure("login", "Login", f"refused: {trouble}", "Check name and password.", facts={"success": False})
        )
        return False
    return True


def _broken(probe: Probe, found: list[Finding], trouble: Trouble) -> Finding:
    where = {0: "greeting", 1: "capability"}.get(len(found), "conversation")
    talk = probe.settings.service.talk.value
    remedy = f"Is {talk} what runs behind TLS here? See the server's log."
    if isinstance(trouble, TooMuch):
        remedy = f"No {talk} server talks like this: something else answers, or it is broken."
    return _TALK.failure(where, where.capitalize(), str(trouble), remedy)
