"""Every DNS record that helps people's programs to find and to trust this server, ready to paste.

Must never: invent what is not known here; an address of the machine or an unknown authority is a line to complete.

RFC 6186 and RFC 8314 section 5.1 (SRV), RFC 5804 section 1.8 (SRV of ManageSieve), RFC 6698 and RFC 7671 (TLSA),
RFC 8659 (CAA), RFC 1035 section 5.1 (how a zone file looks).
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from pillarbox.web.client_settings import Endpoint, Site
from pillarbox.web.settings import Security

TTL_SECONDS: Final = 3600
NOWHERE: Final = "."
"""RFC 2782: the service is decidedly not available at this domain."""

_ISSUERS: Final = {
    "actalis": "actalis.it",
    "amazon": "amazon.com",
    "buypass": "buypass.com",
    "digicert": "digicert.com",
    "globalsign": "globalsign.com",
    "google trust services": "pki.goog",
    "let's encrypt": "letsencrypt.org",
    "sectigo": "sectigo.com",
    "ssl.com": "ssl.com",
    "zerossl": "sectigo.com",
}
"""Words in an issuer's name, and what it looks for in CAA, from the authorities' own practice statements."""


class State(enum.Enum):
    """What is to be done with a record."""

    READY = "ready"
    COMPLETE = "to complete"
    """It has a <placeholder>, and stands behind a `;` in a zone file."""
    OPTIONAL = "optional"
    """Right as it is, but think before; stands behind a `;` in a zone file."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    name: str
    """With the dot at the end."""
    type: str
    value: str
    why: str
    state: State = State.READY

    def __str__(self) -> str:
        """A line of a zone file."""
        line = f"{self.name:<35} {TTL_SECONDS} IN {self.type:<5} {self.value}"
        return line if self.state is State.READY else f"; {line}"


@dataclass(frozen=True, slots=True)
class MorePorts:
    """What is served at the IMAP host besides IMAPS."""

    imap: int | None = None
    """IMAP with STARTTLS."""
    sieve: int | None = None
    """ManageSieve with STARTTLS, as RFC 5804 section 1.8 has it."""
    others: tuple[int, ...] = ()
    """With TLS, and nothing that mail programs look for by SRV."""

    def all(self) -> list[int]:
        """Each once."""
        return list(dict.fromkeys(port for port in (self.imap, self.sieve, *self.others) if port is not None))


Chains = Mapping[str, Sequence[x509.Certificate]]
"""What a client that asks for a host is shown: its certificate, then what is sent along with it."""


def records(
    site: Site,
    domains: Sequence[str],
    addresses: Sequence[str],
    chains: Chains,
    more: MorePorts = MorePorts(),
) -> list[Record]:
    """All records for the domains, grouped by purpose.

    `addresses` are the machine's, where they are known; `chains` those of hosts that have certificates.
    """
    found = [*_addresses(site, addresses)]
    for domain in domains:
        found += _services(site, domain, more)
        found += _documents(site, domain)
    found += _tlsa(site, chains, more)
    for host in dict.fromkeys((site.imap.host, site.web_host)):
        if host in chains:
            found += _caa(host, chains[host][0])
    return found


def zone_text(found: Sequence[Record]) -> str:
    """Lines of a zone file, with the reasons as comments."""
    lines: list[str] = []
    why = None
    for record in found:
        if record.why != why:
            lines += ["", f"; {record.why}"] if lines else [f"; {record.why}"]
            why = record.why
        lines.append(str(record))
    return "\n".join(lines) + "\n"


def spki_sha256(certificate: x509.Certificate) -> str:
    """RFC 7671 section 5.1: selector SPKI (1), matching SHA2-256 (1), in hexadecimal."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key)
    return digest.finalize().hex()


def _addresses(site: Site, addresses: Sequence[str]) -> Iterator[Record]:
    why = "Where the server is"
    host = site.imap.host
    if _is_address(host):
        return
    known = {4: [], 6: []}  # type: dict[int, list[str]]
    for address in addresses:
        known[ipaddress.ip_address(address).version].append(address)
    for version, kind, placeholder in ((4, "A", "<IPv4 address>"), (6, "AAAA", "<IPv6 address>")):
        for address in known[version]:
            yield Record(f"{host}.", kind, address, why)
        if not known[version]:
            yield Record(f"{host}.", kind, placeholder, why, State.COMPLETE)


def _services(site: Site, domain: str, more: MorePorts) -> Iterator[Record]:
    """RFC 6186 section 3: priority, weight, port, target; a target of "." says no."""
    why = f"Which servers the mail programs of {domain} use (RFC 6186, RFC 8314)"
    yield _srv("_imaps", domain, site.imap, why)
    if more.imap is None:
        yield _no("_imap", domain, why)
    else:  # RFC 6186 section 3.4: the greater number is the second choice
        yield _srv("_imap", domain, replace(site.imap, port=more.imap), why, priority=10)
    if more.sieve is not None:
        yield _srv("_sieve", domain, replace(site.imap, port=more.sieve), why)
    yield _no("_pop3s", domain, why)
    yield _no("_pop3", domain, why)
    if site.smtp is None:
        waiting = "0 1 465 <host of the server for sending>"
        yield Record(f"_submissions._tcp.{domain}.", "SRV", waiting, why, State.COMPLETE)
        return
    is_tls = site.smtp.security is Security.TLS
    yield _srv("_submissions" if is_tls else "_submission", domain, site.smtp, why)
    yield _no("_submission" if is_tls else "_submissions", domain, why)


def _documents(site: Site, domain: str) -> Iterator[Record]:
    if site.web_port is None or _is_address(site.web_host):
        return
    why = f"Where the mail programs of {domain} find their settings"
    for name in ("autoconfig", "autodiscover"):
        if f"{name}.{domain}" != site.web_host:
            yield Record(f"{name}.{domain}.", "CNAME", f"{site.web_host}.", why)
    yield Record(f"_autodiscover._tcp.{domain}.", "SRV", f"0 1 {site.web_port} {site.web_host}.", why)


def _tlsa(site: Site, chains: Chains, more: MorePorts) -> Iterator[Record]:
    """RFC 7671 section 5.1 (3 1 1) and 5.2 (2 1 1). The latter only for an authority that the server sends along: its
    own or the operator's, for whose next certificates it holds too. Public authorities change theirs unasked."""
    leaf_why = "The server's key (DANE; only with DNSSEC; publish a new key's record before using the key)"
    anchor_why = "The authority's key (DANE; holds for the server's next certificates too)"
    places = [(site.imap.host, port) for port in (site.imap.port, *more.all())]
    if site.web_port is not None:
        places.append((site.web_host, site.web_port))
    usable = [(host, port) for host, port in places if host in chains and not _is_address(host)]
    for host, port in usable:
        yield Record(f"_{port}._tcp.{host}.", "TLSA", f"3 1 1 {spki_sha256(chains[host][0])}", leaf_why)
    for host, port in usable:
        if (anchor := _anchor(chains[host])) is not None:
            yield Record(f"_{port}._tcp.{host}.", "TLSA", f"2 1 1 {spki_sha256(anchor)}", anchor_why)


def _anchor(chain: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The authority at the end of a chain that holds it."""
    last = chain[-1]
    return last if len(chain) > 1 and last.issuer == last.subject else None


def _caa(host: str, certificate: x509.Certificate) -> Iterator[Record]:
    why = "Which authority may make certificates for the server's name"
    if _is_address(host):
        return
    issuer = ", ".join(
        str(each.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for each in certificate.issuer.get_attributes_for_oid(oid)
    )
    known = next((value for words, value in _ISSUERS.items() if words in issuer.casefold()), None)
    if known is not None:
        yield Record(f"{host}.", "CAA", f'0 issue "{known}"', why)
    elif issuer.startswith("Pillarbox"):
        own = "This server is its own authority: no public one may make certificates for its name"
        yield Record(f"{host}.", "CAA", '0 issue ";"', own, State.OPTIONAL)
    else:
        yield Record(f"{host}.", "CAA", '0 issue "<domain of your authority>"', why, State.COMPLETE)


def _srv(service: str, domain: str, endpoint: Endpoint, why: str, priority: int = 0) -> Record:
    """A target must be a name (RFC 2782); an address is a line to complete."""
    if _is_address(endpoint.host):
        value = f"{priority} 1 {endpoint.port} <name of {endpoint.host}>"
        return Record(f"{service}._tcp.{domain}.", "SRV", value, why, State.COMPLETE)
    return Record(f"{service}._tcp.{domain}.", "SRV", f"{priority} 1 {endpoint.port} {endpoint.host}.", why)


def _no(service: str, domain: str, why: str) -> Record:
    return Record(f"{service}._tcp.{domain}.", "SRV", f"0 0 0 {NOWHERE}", why)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
