"""What the steps share: how to reach the host, TLS contexts of three kinds, and what was seen so far.

Must never: verify less than `strict_context` before a password is sent.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from pillarbox.check.dialects import Dialect, dialect
from pillarbox.check.names import Names, Records, is_address
from pillarbox.check.services import Talk, Tls
from pillarbox.check.settings import CheckSettings
from pillarbox.check.trouble import Trouble
from pillarbox.check.wire import Address, Wire, connected
from pillarbox.clock import Clock

_LEGACY_SERVER_CONNECT: Final = 0x4
"""ssl.OP_LEGACY_SERVER_CONNECT, which has its name from Python 3.12 on: also see servers without RFC 5746."""
_NO_CHECK_TIME: Final = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME: dates are judged apart from trust."""


@dataclass(slots=True)
class Seen:
    """What earlier steps learnt; each step adds its part."""

    addresses: tuple[Address, ...] = ()
    open_address: Address | None = None
    speaks_tls: bool = False
    may_have_other_versions: bool = False
    """TLS was answered, but this machine's library could not agree with the server."""
    chain: tuple[x509.Certificate, ...] = ()
    is_vouched_for: bool = False
    """A trusted authority, the right name and the right time: what every other program asks."""
    is_certificate_good: bool = False
    """And strong enough: only now may a password be sent."""
    tlsa: Records | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One check's means."""

    settings: CheckSettings
    clock: Clock
    names: Names
    seen: Seen = field(default_factory=Seen)

    @property
    def server_name(self) -> str | None:
        """For SNI; addresses have none (RFC 6066 section 3)."""
        return None if is_address(self.settings.host) else self.settings.host

    @property
    def address(self) -> Address:
        """The first one that was open. Raises Trouble when there is none."""
        if self.seen.open_address is None:
            raise Trouble("there is no open port to talk to")
        return self.seen.open_address

    @asynccontextmanager
    async def ready_for_tls(self) -> AsyncIterator[Wire]:
        """A connection on which the next byte is a ClientHello."""
        async with connected(self.address, self.settings.limits) as wire:
            if self.settings.service.tls is Tls.STARTTLS:
                speaker = self.dialect(wire)
                await self.greet(speaker)
                await speaker.ask_for_tls()
            yield wire

    async def greet(self, speaker: Dialect) -> None:
        """What has to come before STARTTLS."""
        await speaker.greeting()
        if self.settings.service.talk is Talk.SMTP:
            await speaker.capabilities()  # EHLO comes first (RFC 3207 section 4)

    def dialect(self, wire: Wire) -> Dialect:
        return dialect(self.settings.service.talk, wire)

    def milliseconds_since(self, start: float) -> float:
        return round((self.clock.monotonic_seconds() - start) * 1000, 1)


def seeing_context(alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Verifies nothing and takes everything that the library still can: to look, never to send a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _take_old_tls(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def trust_context(ca_file: Path | None) -> ssl.SSLContext:
    """Asks one question: does the chain lead to a trusted authority? Dates, names and key sizes are judged apart."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _take_old_tls(context)
    context.verify_flags |= _NO_CHECK_TIME
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca_file)
    return context


def strict_context(ca_file: Path | None) -> ssl.SSLContext:
    """As a careful mail program: for everything that sends a password."""
    return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))


def _take_old_tls(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:COMPLEMENTOFALL:!aNULL:!PSK:!SRP:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
