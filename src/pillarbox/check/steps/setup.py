"""Autoconfiguration: does what mail programs fetch agree with the server that was checked?

Must never: follow a link away from HTTPS, or read XML with entities.

Thunderbird's autoconfig format (config-v1.1.xml); RFC 6186 for the records that say the same in the DNS.
"""

from __future__ import annotations

import asyncio
import ssl
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from pillarbox.check.findings import Fact, Finding, Scribe, Section
from pillarbox.check.probe import Probe, strict_context
from pillarbox.check.services import Talk, Tls
from pillarbox.check.trouble import Said, Trouble, printable
from pillarbox.check.wire import connected

_SETUP: Final = Scribe(Section.SETUP, "setup")
_MOST_HOPS: Final = 3
_KINDS: Final = {Talk.IMAP: "imap", Talk.POP3: "pop3", Talk.SMTP: "smtp"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One server that the document names."""

    kind: str
    host: str
    port: str
    socket_type: str

    def __str__(self) -> str:
        return printable(f"{self.kind} {self.host}:{self.port} {self.socket_type}", 80)


def urls(domain: str) -> tuple[str, str]:
    """Where programs look, in this order."""
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Only when a domain was given: autoconfiguration is the domain's, not the host's."""
    domain = probe.settings.domain
    if domain is None:
        return ()
    documents = await asyncio.gather(*(_offers(probe, url) for url in urls(domain)))
    found = [
        _finding(probe, name, label, document)
        for (name, label), document in zip(
            (("autoconfig", "autoconfig."), ("well_known", ".well-known")), documents, strict=True
        )
    ]
    offers = [document for document in documents if not isinstance(document, str)]
    if not offers:
        said = f"nothing is published for {domain}: people have to type server names"
        found.append(_SETUP.note("published", "Autoconfig", said, "See pillarbox client-config."))
    elif len(offers) == 2 and set(offers[0]) != set(offers[1]):
        remedy = "Serve the same document in both places."
        found.append(_SETUP.warning("same", "Agreement", "the two documents differ", remedy))
    return tuple(found)


def _finding(probe: Probe, name: str, label: str, document: tuple[Offer, ...] | str) -> Finding:
    settings = probe.settings
    if isinstance(document, str):
        return _SETUP.note(name, label, document)
    kind = _KINDS.get(settings.service.talk)
    own = [offer for offer in document if offer.kind == kind]
    facts: dict[str, Fact] = {"offers": [str(offer) for offer in document]}
    wanted = "SSL" if settings.service.tls is Tls.IMPLICIT else "STARTTLS"
    here = [offer for offer in own if offer.host.lower() == settings.host.lower() and offer.port == str(settings.port)]
    if not own:
        return _SETUP.note(name, label, f"names no {kind or settings.service.name} server", facts=facts)
    if not here:
        said = f"leads to {', '.join(str(offer) for offer in own[:2])}, not here"
        remedy = f"Let it name {settings.host}, port {settings.port}, socketType {wanted}."
        return _SETUP.warning(name, label, said, remedy, facts=facts)
    if here[0].socket_type != wanted:
        said = f"says socketType {printable(here[0].socket_type, 20)} for this port"
        return _SETUP.warning(name, label, said, f"Say {wanted}: programs can't connect else.", cap="C", facts=facts)
    return _SETUP.good(name, label, f"leads here ({here[0]})", facts=facts)


async def _offers(probe: Probe, url: str) -> tuple[Offer, ...] | str:
    """What the document offers, or why there is none."""
    try:
        return read_offers(await _fetch(probe, url))
    except Trouble as trouble:
        return str(trouble)
    except ssl.SSLCertVerificationError as error:
        return f"its HTTPS certificate is not trusted: {printable(error.verify_message, 60)}"


async def _fetch(probe: Probe, url: str) -> bytes:
    for _ in range(_MOST_HOPS):
        status, fields, body = await _get(probe, url)
        if status == 200:
            return body
        if status not in (301, 302, 303, 307, 308) or "location" not in fields:
            raise Said(f"HTTP status {status}")
        url = urljoin(url, fields["location"])
        if urlsplit(url).scheme != "https":
            raise Said("leads away from HTTPS")
    raise Said("leads round in circles")


async def _get(probe: Probe, url: str) -> tuple[int, dict[str, str], bytes]:
    """HTTP/1.0, so that the body is neither chunked nor kept open."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or probe.settings.https_port
    except ValueError:
        raise Said("leads to an address that is none") from None
    address = (await probe.names.addresses(host, port))[0]
    async with connected(address, probe.settings.limits) as wire:
        await wire.start_tls(strict_context(probe.settings.ca_file), host)
        request = f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {host}\r\nAccept: text/xml\r\nConnection: close\r\n\r\n"
        await wire.send(request.encode("ascii", "replace"))
        head, _, body = (await wire.read_to_end()).partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    words = status.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        raise Said("the answer is not HTTP")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(words[1]), fields, body


def read_offers(document: bytes) -> tuple[Offer, ...]:
    """Every incomingServer and outgoingServer. Raises Said when it is no such document."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise Said("is no autoconfig document (it has a DOCTYPE)")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - no entities without a DOCTYPE, and 256 KB at most
    except ElementTree.ParseError as error:
        raise Said("is no well-formed XML") from error
    if root.tag != "clientConfig":
        raise Said("is no autoconfig document")
    servers = [*root.iter("incomingServer"), *root.iter("outgoingServer")]
    return tuple(Offer(each.get("type", "").lower(), *_texts(each)) for each in servers)


def _texts(server: ElementTree.Element) -> tuple[str, str, str]:
    host, port, socket_type = ((server.findtext(tag) or "").strip() for tag in ("hostname", "port", "socketType"))
    return host, port, socket_type
