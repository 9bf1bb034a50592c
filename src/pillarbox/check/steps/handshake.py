"""TLS itself: does it begin before any command, what is agreed, and does anything leak without it?

RFC 8314 section 3 (TLS from the first byte), RFC 7301 (ALPN), RFC 6066 section 3 (SNI), RFC 9325 section 3.7.

Must never: send a command that could change something before TLS.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from cryptography import x509

from pillarbox.check.findings import Fact, Finding, Scribe, Section
from pillarbox.check.probe import Probe, seeing_context
from pillarbox.check.services import Talk, Tls
from pillarbox.check.trouble import HungUp, NotTls, TimedOut, TlsFailed, Trouble, printable, protocol_of
from pillarbox.check.wire import connected

_TLS: Final = Scribe(Section.TLS, "tls")
_STRANGER: Final = "unknown.invalid"
_BEFORE_LOGIN_WORDS: Final = ("AUTH=PLAIN", "AUTH=LOGIN", "USER", "SASL PLAIN", "SASL LOGIN")


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Plain text first, then the handshake, then ALPN and SNI."""
    before = await _without_tls(probe)
    handshake = await _handshake(probe)
    if not probe.seen.speaks_tls:
        return (before, handshake)
    return (before, handshake, *await _injection(probe), await _alpn(probe), await _sni(probe))


async def _without_tls(probe: Probe) -> Finding:
    if probe.settings.service.tls is Tls.STARTTLS:
        return await _offers_tls(probe)
    limits = probe.settings.limits
    raw_first = b""
    try:
        async with connected(probe.address, limits) as wire, asyncio.timeout(limits.listen_seconds):
            raw_first = await wire.read_available()
    except (TimeoutError, Trouble):
        pass
    if not raw_first:
        return _TLS.good("plaintext", "Without TLS", "says nothing before TLS, as it should", facts={"leak": False})
    quoted = printable(raw_first.split(b"\n", 1)[0], 60)
    protocol = protocol_of(raw_first)
    leaks = protocol is not None and "without TLS" in protocol
    said = f"{protocol or 'something else'} answers: {quoted}"
    if leaks:
        said = f"greets without TLS ({quoted}): passwords would travel readable"
    return _TLS.failure(
        "plaintext",
        "Without TLS",
        said,
        _plaintext_remedy(probe, leaks=leaks),
        facts={"leak": leaks, "protocol": protocol},
    )


def _plaintext_remedy(probe: Probe, *, leaks: bool) -> str:
    port = probe.settings.port
    if leaks:
        return f"Switch TLS on for port {port} (TLS from the first byte), or check the port that has STARTTLS."
    return f"Another program has port {port}: see which with  ss -ltnp 'sport = :{port}'"


async def _offers_tls(probe: Probe) -> Finding:
    service = probe.settings.service
    try:
        async with connected(probe.address, probe.settings.limits) as wire:
            speaker = probe.dialect(wire)
            await speaker.greeting()
            words = tuple(word.upper() for word in await speaker.capabilities())
    except Trouble as trouble:
        return _TLS.failure("starttls", "Before TLS", str(trouble), f"Is {service.title} what runs on this port?")
    if speaker.tls_word not in (word.split()[0] for word in words if word):
        return _TLS.failure(
            "starttls",
            "Before TLS",
            f"{speaker.tls_word} is not offered: mail travels readable",
            "Give the server a certificate and switch STARTTLS on.",
            facts={"capabilities": list(words)},
        )
    if service.talk is not Talk.SIEVE and _invites_passwords(words):
        return _TLS.warning(
            "starttls",
            "Before TLS",
            "offers login before TLS: passwords may travel readable",
            "Allow login after STARTTLS only.",
            cap="C",
            facts={"capabilities": list(words)},
        )
    return _TLS.good("starttls", "Before TLS", f"offers {speaker.tls_word}", facts={"capabilities": list(words)})


def _invites_passwords(words: tuple[str, ...]) -> bool:
    """Whether a program that does not care would send the password now."""
    if "LOGINDISABLED" in words:
        return False
    if any(word in ("IMAP4REV1", "IMAP4REV2") for word in words):
        return True  # LOGIN needs no capability
    return any(
        word in _BEFORE_LOGIN_WORDS or (word.startswith(("AUTH ", "SASL ")) and {"PLAIN", "LOGIN"} & set(word.split()))
        for word in words
    )


async def _handshake(probe: Probe) -> Finding:
    settings, start = probe.settings, probe.clock.monotonic_seconds()
    try:
        async with probe.ready_for_tls() as wire:
            start = probe.clock.monotonic_seconds()
            tls = await wire.start_tls(seeing_context(), probe.server_name)
    except NotTls as trouble:
        return _TLS.failure(
            "handshake",
            "Handshake",
            str(trouble),
            f"Put a server with TLS on port {settings.port}, or check the right port.",
        )
    except TlsFailed as trouble:
        # A server that knows only SSL 3.0 or RC4 fails here; the list of versions will tell.
        probe.seen.may_have_other_versions = True
        return _TLS.failure(
            "handshake", "Handshake", str(trouble), _handshake_remedy(trouble), facts={"reason": trouble.reason}
        )
    except Trouble as trouble:
        probe.seen.may_have_other_versions = isinstance(trouble, HungUp)
        remedy = "See the server's log; a missing certificate or a crash ends handshakes like this."
        if isinstance(trouble, TimedOut):
            remedy = f"Does the server expect plain text here? Then TLS is not switched on for port {settings.port}."
        return _TLS.failure("handshake", "Handshake", str(trouble), remedy)
    probe.seen.speaks_tls = True
    probe.seen.chain = _chain(tls)
    spent = probe.milliseconds_since(start)
    cipher = tls.cipher()
    version, suite = tls.version() or "?", cipher[0] if cipher else "?"
    said = f"{_title(version)} with {suite} ({spent} ms)"
    if settings.service.tls is Tls.IMPLICIT:
        said += f", before any {settings.service.talk.value} command"
    return _TLS.good("handshake", "Handshake", said, facts={"version": version, "suite": suite, "milliseconds": spent})


async def _injection(probe: Probe) -> tuple[Finding, ...]:
    """Whether a command that comes before TLS is carried out after it (CVE-2011-0411), so that a stranger on the way
    can put words into a client's mouth.
    """
    service, limits = probe.settings.service, probe.settings.limits
    if service.tls is Tls.IMPLICIT or service.talk is Talk.SIEVE:  # ManageSieve greets after TLS in any case
        return ()
    try:
        async with connected(probe.address, limits) as wire:
            speaker = probe.dialect(wire)
            await probe.greet(speaker)
            await speaker.ask_for_tls_with_more()
            await wire.start_tls(seeing_context(), probe.server_name)
            async with asyncio.timeout(limits.listen_seconds):
                answer = await wire.read_available()
    except (TimeoutError, Trouble):
        said = "a command put before TLS is forgotten, as it should be"
        return (_TLS.good("injection", "Injection", said, facts={"injected": False}),)
    said = f"a command put before TLS is answered after it: {printable(answer, 40)}"
    remedy = "Update the server: it must drop what it read before STARTTLS (CVE-2011-0411)."
    return (_TLS.failure("injection", "Injection", said, remedy, facts={"injected": True}),)


def _title(version: str) -> str:
    """OpenSSL says TLSv1 for TLS 1.0."""
    return "TLS 1.0" if version == "TLSv1" else version.replace("TLSv", "TLS ")


def _handshake_remedy(trouble: TlsFailed) -> str:
    if "HANDSHAKE_FAILURE" in trouble.reason or "PROTOCOL" in trouble.reason:
        return "The server and a current program agree on no version or cipher suite: allow TLS 1.2 and 1.3."
    return "See the server's log for the reason; check certificate and key."


async def _alpn(probe: Probe) -> Finding:
    own = probe.settings.service.alpn
    if own is None:
        return _TLS.skipped("alpn", "ALPN", f"{probe.settings.service.talk.value} has no ALPN name")
    chosen = await _negotiated(probe, (own,))
    stranger = await _negotiated(probe, ("http/1.1",))
    refuses = isinstance(stranger, Trouble)
    if isinstance(chosen, Trouble):
        return _TLS.warning(
            "alpn", "ALPN", f"a client that offers {own!r} is turned away: {chosen}", f"Accept the ALPN name {own!r}."
        )
    facts: dict[str, Fact] = {"offered": own, "chosen": chosen, "refuses_others": refuses}
    if chosen == own and refuses:
        return _TLS.good("alpn", "ALPN", f"agrees on {own!r} and refuses a web browser's offer", facts=facts)
    if chosen == own:
        return _TLS.good("alpn", "ALPN", f"agrees on {own!r}", facts=facts)
    return _TLS.note("alpn", "ALPN", f"ignored: other protocols can be confused with {own!r} (ALPACA)", facts=facts)


async def _negotiated(probe: Probe, offer: tuple[str, ...]) -> str | Trouble | None:
    try:
        async with probe.ready_for_tls() as wire:
            return (await wire.start_tls(seeing_context(offer), probe.server_name)).selected_alpn_protocol()
    except Trouble as trouble:
        return trouble


async def _sni(probe: Probe) -> Finding:
    without, stranger = await _leaf(probe, None), await _leaf(probe, _STRANGER)
    own = probe.seen.chain[0] if probe.seen.chain else None
    facts: dict[str, Fact] = {"without_name": _outcome(without, own), "unknown_name": _outcome(stranger, own)}
    said = f"without a name: {facts['without_name']}; with an unknown name: {facts['unknown_name']}"
    if isinstance(without, Trouble):
        return _TLS.note(
            "sni", "SNI", said, "Old programs send no name; a default certificate would let them in.", facts=facts
        )
    return _TLS.good("sni", "SNI", said, facts=facts)


async def _leaf(probe: Probe, name: str | None) -> x509.Certificate | Trouble | None:
    try:
        async with probe.ready_for_tls() as wire:
            chain = _chain(await wire.start_tls(seeing_context(), name))
    except Trouble as trouble:
        return trouble
    return chain[0] if chain else None


def _outcome(found: x509.Certificate | Trouble | None, own: x509.Certificate | None) -> str:
    if isinstance(found, Trouble):
        return "refused"
    return "the same certificate" if found == own else "another certificate"


def _chain(tls: ssl.SSLObject) -> tuple[x509.Certificate, ...]:
    """What the server sent, its own first; empty when it can't be read."""
    if hasattr(tls, "get_unverified_chain"):  # Python 3.13 and later
        raw_chain: list[bytes] = tls.get_unverified_chain()
    else:
        inner = tls._sslobj  # type: ignore[attr-defined]  # the only way to intermediates before Python 3.13
        raw_chain = [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]
    try:
        return tuple(x509.load_der_x509_certificate(raw) for raw in raw_chain)
    except ValueError:
        return ()
