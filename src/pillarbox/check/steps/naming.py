"""DNS: does the name lead here, and can mail programs and other servers find it by themselves?

RFC 6186, 8314 (SRV), 7672 and 6698 (TLSA), 8659 (CAA).
"""

from __future__ import annotations

import asyncio
from typing import Final

from pillarbox.check.findings import Finding, Scribe, Section
from pillarbox.check.names import NoSuchName, Records, is_address, mail_domain
from pillarbox.check.probe import Probe
from pillarbox.check.trouble import Trouble, printable

_DNS: Final = Scribe(Section.DNS, "dns")


async def look(probe: Probe) -> tuple[Finding, ...]:
    """Addresses, then MX, SRV, TLSA and CAA when the host has a name."""
    start = probe.clock.monotonic_seconds()
    settings = probe.settings
    try:
        probe.seen.addresses = await probe.names.addresses(settings.host, settings.port)
    except NoSuchName as trouble:
        remedy = "Check the spelling; else publish an A record and, where there is IPv6, an AAAA record."
        return (_DNS.failure("addresses", "Addresses", str(trouble), remedy),)
    except Trouble as trouble:
        return (_DNS.unknown("addresses", "Addresses", str(trouble), "Check the DNS resolver."),)
    texts = [address.text for address in probe.seen.addresses]
    if is_address(settings.host):
        said = "given as an address; the name is not checked"
        return (_DNS.skipped("addresses", "Addresses", said, facts={"addresses": texts}),)
    spent = probe.milliseconds_since(start)
    found = [_DNS.good("addresses", "Addresses", ", ".join(texts), facts={"addresses": texts, "milliseconds": spent})]
    domain = settings.domain or mail_domain(settings.host)
    if domain is None:
        found.append(_DNS.skipped("records", "Records", "a bare name has no MX, SRV, TLSA or CAA records"))
        return tuple(found)
    return (*found, *await asyncio.gather(_mx(probe, domain), _srv(probe, domain), _tlsa(probe), _caa(probe)))


async def _mx(probe: Probe, domain: str) -> Finding:
    try:
        records = await probe.names.records(domain, "MX")
    except Trouble as trouble:
        return _DNS.unknown("mx", "MX", str(trouble))
    texts = list(records.texts)
    if not records.texts:
        return _DNS.note(
            "mx", "MX", f"{domain} has none: it takes mail at its own address, or not at all", facts={"records": texts}
        )
    return _DNS.good("mx", "MX", f"{domain}: {', '.join(records.texts)}", facts={"records": texts})


async def _srv(probe: Probe, domain: str) -> Finding:
    settings = probe.settings
    label = settings.service.srv
    if label is None:
        return _DNS.skipped("srv", "SRV", "servers find each other by MX, not by SRV")
    name = f"_{label}._tcp.{domain}"
    record = f"{name}. SRV 0 1 {settings.port} {settings.host}."
    try:
        records = await probe.names.records(name, "SRV")
    except Trouble as trouble:
        return _DNS.unknown("srv", "SRV", str(trouble))
    texts = list(records.texts)
    if not records.texts:
        said = f"none for {name}: some mail programs won't find the server alone"
        return _DNS.note("srv", "SRV", said, f"Publish: {record}", facts={"records": texts})
    targets = [text.split()[-2:] for text in records.texts]
    if any(port == str(settings.port) and _same(target, settings.host) for port, target in targets):
        return _DNS.good("srv", "SRV", f"{name} leads here", facts={"records": texts})
    where = ", ".join(f"{target.rstrip('.') or 'nowhere'}:{port}" for port, target in targets)
    return _DNS.warning(
        "srv",
        "SRV",
        f"{name} leads to {printable(where)}, not here",
        f"If this is the server for {domain}, publish: {record}",
        facts={"records": texts},
    )


async def _tlsa(probe: Probe) -> Finding:
    name = f"_{probe.settings.port}._tcp.{probe.settings.host}"
    try:
        records = await probe.names.records(name, "TLSA")
    except Trouble as trouble:
        return _DNS.unknown("tlsa", "TLSA", str(trouble))
    texts = list(records.texts)
    probe.seen.tlsa = records
    if not records.texts:
        return _DNS.note(
            "tlsa", "TLSA", "none: only the certificate authorities vouch for the server", facts={"records": texts}
        )
    if not records.is_validated:
        said = f"{len(records.texts)} published, not validated by DNSSEC: clients must ignore them"
        return _DNS.note(
            "tlsa", "TLSA", said, "Sign the zone, or ask a resolver that validates.", facts={"records": texts}
        )
    return _DNS.good("tlsa", "TLSA", f"{len(records.texts)} published, validated by DNSSEC", facts={"records": texts})


async def _caa(probe: Probe) -> Finding:
    """The nearest records on the way to the root hold (RFC 8659 section 3)."""
    labels = probe.settings.host.rstrip(".").split(".")
    records, name = Records((), is_validated=False), ""
    for first in range(len(labels) - 1):
        name = ".".join(labels[first:])
        try:
            records = await probe.names.records(name, "CAA")
        except Trouble as trouble:
            return _DNS.unknown("caa", "CAA", str(trouble))
        if records.texts:
            break
    if not records.texts:
        remedy = 'Publish, for example: CAA 0 issue "letsencrypt.org".'
        return _DNS.note("caa", "CAA", "none: any authority may issue certificates for it", remedy)
    said = f"{name}: {', '.join(records.texts)}"
    return _DNS.good("caa", "CAA", said, facts={"records": list(records.texts)})


def _same(one: str, other: str) -> bool:
    return one.rstrip(".").lower() == other.rstrip(".").lower()
