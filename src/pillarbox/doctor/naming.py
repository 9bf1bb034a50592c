"""Does the DNS lead to this machine, and does it say what `pillarbox dns` says?

Must never: wait long; a machine without a network is told so and examined on.

RFC 6186 (SRV records for mail).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver

from pillarbox.app.client_setup import site_of
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import NamesUnknown, Patient
from pillarbox.web.client_settings import Endpoint, SetupInvalid, Site
from pillarbox.web.settings import Security

_SCRIBE: Final = Scribe(Area.NAMES)
PATIENCE_SECONDS: Final = 4.0
_PUBLISH: Final = "Publish what `pillarbox dns` prints."
_OFFLINE: Final = "Is this machine offline? Look at /etc/resolv.conf, then run this again."


class SystemNames:
    """Asks as this machine is set up to ask."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """patient.Names.addresses"""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise NamesUnknown("no answer in time") from error
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
                return ()
            raise NamesUnknown(error.strerror or "no answer") from error
        return tuple(dict.fromkeys(str(where[0]) for *_, where in found))

    async def services(self, name: str) -> tuple[tuple[str, int], ...]:
        """patient.Names.services"""
        try:
            answer = await dns.asyncresolver.resolve(name, "SRV", lifetime=PATIENCE_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise NamesUnknown("no answer") from error
        return tuple((each.target.to_text(omit_final_dot=True).lower().strip("."), each.port) for each in answer)


async def look(patient: Patient) -> list[Finding]:
    try:
        site = site_of(patient.settings)
    except SetupInvalid:
        return []  # said under Configuration
    return [*await _addresses(patient, site), *await _services(patient, site)]


async def _addresses(patient: Patient, site: Site) -> list[Finding]:
    hosts = [site.imap.host]
    if site.web_port is not None:
        hosts += [site.web_host, *(f"{n}.{d}" for d in site.domains for n in ("autoconfig", "autodiscover"))]
    found: list[Finding] = []
    missing = []
    for host in dict.fromkeys(hosts):
        if host == "localhost" or _is_address(host):
            continue
        try:
            addresses = await patient.names.addresses(host)
        except NamesUnknown as error:
            found.append(_SCRIBE.unknown("address", f"can't ask the DNS for {host}: {error}", _OFFLINE))
            break  # the others would only wait as long
        if addresses:
            found += _address(host, addresses, host == site.imap.host)
        else:
            missing.append(host)
    if missing:
        remedy = _PUBLISH if "." in site.imap.host else "Set client_setup.imap_host to a full name."
        found.append(_SCRIBE.warning("address", f"these names have no address: {', '.join(missing)}", remedy))
    return found


def _address(host: str, addresses: tuple[str, ...], is_imap: bool) -> Iterator[Finding]:
    if all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in addresses):
        yield _SCRIBE.note("address", f"{host} is {', '.join(addresses)} here; from outside it may differ (/etc/hosts)")
    elif any(_is_here(each) for each in addresses):
        yield _SCRIBE.good("address", f"{host} is {', '.join(addresses)}, this machine")
    elif is_imap:
        yield _SCRIBE.note(
            "address",
            f"{host} is {', '.join(addresses)}, which is not this machine",
            "Right behind a gateway or a proxy that forwards; else correct the A and AAAA records.",
        )


async def _services(patient: Patient, site: Site) -> list[Finding]:
    expected = [("_imaps", site.imap)]
    if site.smtp is not None:
        expected.append(("_submissions" if site.smtp.security is Security.TLS else "_submission", site.smtp))
    found: list[Finding] = []
    missing = []
    for domain in site.domains:
        for service, endpoint in expected:
            name = f"{service}._tcp.{domain}"
            try:
                targets = await patient.names.services(name)
            except NamesUnknown as error:
                found.append(_SCRIBE.unknown("srv", f"can't ask for the SRV records of {domain}: {error}", _OFFLINE))
                return found
            if targets:
                found.append(_service(name, targets, endpoint))
            else:
                missing.append(name)
    if missing:
        said = f"these SRV records are not published, so programs have to guess: {', '.join(missing)}"
        found.append(_SCRIBE.note("srv", said, _PUBLISH))
    return found


def _service(name: str, targets: tuple[tuple[str, int], ...], endpoint: Endpoint) -> Finding:
    if (endpoint.host, endpoint.port) in targets:
        return _SCRIBE.good("srv", f"{name} leads to {endpoint}")
    said = ", ".join(f"{host or 'nowhere'}:{port}" for host, port in targets)
    return _SCRIBE.warning("srv", f"{name} leads to {said}, not to {endpoint}", _PUBLISH)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_here(address: str) -> bool:
    """The kernel lets one bind to addresses of the machine only."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
