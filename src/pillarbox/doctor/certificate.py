"""The certificate in the files: can the server use it, how long does it last, for which names?

Must never: show a key.

RFC 5280 section 4.1.2.5 (validity), RFC 9525 section 6.3 (names and wildcards).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from pillarbox.app.certificates import plan
from pillarbox.app.client_setup import served_certificate, site_of
from pillarbox.app.settings import ServerSettings
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient
from pillarbox.net.served import Held, NamedCertificate, planned, read_held
from pillarbox.net.tls import CertificateUnusable, make_context
from pillarbox.web.client_settings import SetupInvalid

_SCRIBE: Final = Scribe(Area.CERTIFICATE)
LEAST_RSA_BITS: Final = 2048
"""RFC 9325 section 4.5."""


async def look(patient: Patient) -> list[Finding]:
    return list(_findings(patient.settings, patient.clock.now_seconds()))


def _findings(settings: ServerSettings, now_seconds: float) -> Iterator[Finding]:
    files = plan(settings).default
    is_own = settings.tls.certificate_path is None
    if is_own and not files.certificate_path.exists():
        yield _SCRIBE.note("there", "there is none yet; the first `pillarbox serve` makes one")
        return
    renew = "Start the server, or send it SIGHUP: it renews its own." if is_own else "Renew it; it is served at once."
    try:
        certificate = _parsed(read_held(NamedCertificate(files)))
        make_context(files)
    except CertificateUnusable as error:
        remedy = (
            f"Move {files.certificate_path} away and start the server: it makes another."
            if is_own
            else ("tls.certificate_path and tls.key_path must name PEM files that belong together and can be read.")
        )
        yield _SCRIBE.failure("usable", str(error), remedy)
        return
    yield _SCRIBE.good("usable", f"{files.certificate_path}: certificate and key belong together")
    now = datetime.fromtimestamp(now_seconds, UTC)
    yield _validity(certificate, now, settings.tls.warn_days_left, renew)
    yield from _others(settings, now)
    yield from _names(settings, is_own)
    yield from _strength(certificate)
    if not is_own:
        yield from _chain(files.certificate_path.read_bytes(), certificate)


def _parsed(held: Held) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(held.leaf.der)
    except ValueError as error:
        raise CertificateUnusable(f"{held.files.certificate_path}: not a certificate") from error


def _others(settings: ServerSettings, now: datetime) -> Iterator[Finding]:
    """Those for particular names: [[tls.domains]] and folders."""
    for named in planned(plan(settings))[:-1]:
        path = named.files.certificate_path
        try:
            make_context(named.files)
            held = read_held(named)
            certificate = _parsed(held)
        except CertificateUnusable as error:
            remedy = (
                f"Put a PEM certificate and its key there; {path.name} and {named.files.key_path.name} belong together."
            )
            yield _SCRIBE.failure("usable", str(error), remedy)
            continue
        found = _validity(certificate, now, settings.tls.warn_days_left, "Renew it; it is served at once.")
        yield replace(found, text=f"{', '.join(held.names)} ({path}): {found.text}")


def _validity(certificate: x509.Certificate, now: datetime, warn_days_left: int, renew: str) -> Finding:
    ends = certificate.not_valid_after_utc
    days = (ends - now).days
    until = f"{ends:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        return _SCRIBE.failure("expiry", f"it is valid from {begins} on only", "Look at this machine's clock: date -u")
    if ends <= now:
        return _SCRIBE.failure("expiry", f"it expired on {until}", renew)
    if days < warn_days_left:
        return _SCRIBE.warning("expiry", f"it expires on {until}, in {days} days", renew)
    return _SCRIBE.good("expiry", f"valid until {until}, {days} days more")


def _names(settings: ServerSettings, is_own: bool) -> Iterator[Finding]:
    """Each name is looked for in the certificate that a client which asks for it is shown."""
    try:
        site = site_of(settings)
    except SetupInvalid:
        return  # said under Configuration
    held = _shown_for(settings, site.imap.host)
    where = "tls.server_names" if is_own else "the names of the certificate, when you renew it"
    if holds_for(held, site.imap.host):
        yield _SCRIBE.good("name", f"holds for {site.imap.host}")
    else:
        yield _SCRIBE.failure(
            "name",
            f"does not hold for {site.imap.host}, but for {', '.join(held)}",
            f"Add {site.imap.host} to {where}.",
        )
    if site.web_port is None:
        return
    wanted = [site.web_host]
    wanted += [f"{name}.{domain}" for domain in site.domains for name in ("autoconfig", "autodiscover")]
    missing = [name for name in dict.fromkeys(wanted) if not holds_for(_shown_for(settings, name), name)]
    if missing:
        yield _SCRIBE.warning(
            "web_names",
            f"programs that look for their settings refuse it at {', '.join(missing)}",
            f"Add these to {where}.",
        )


def _shown_for(settings: ServerSettings, name: str) -> list[str]:
    return names_of(served_certificate(settings, name))


def _strength(certificate: x509.Certificate) -> Iterator[Finding]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        yield _SCRIBE.failure(
            "key", f"its RSA key has {key.key_size} bits only", "Renew it with a new key, RSA 2048 or P-256."
        )


def _chain(pem: bytes, leaf: x509.Certificate) -> Iterator[Finding]:
    if leaf.issuer == leaf.subject:
        yield _SCRIBE.warning(
            "chain",
            "it is signed by itself: programs trust it only when told to, one by one",
            "Leave tls.certificate_path out (an authority of its own), or get one from a public authority.",
        )
    elif len(x509.load_pem_x509_certificates(pem)) == 1:
        yield _SCRIBE.warning(
            "chain",
            "the file holds no chain: many programs can't find the authority",
            "Name the full chain (fullchain.pem), or append the intermediate certificate.",
        )


def names_of(certificate: x509.Certificate) -> list[str]:
    """DNS names and addresses it holds for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(each.value) for each in names if isinstance(each, x509.DNSName | x509.IPAddress)]


def holds_for(held: Sequence[str], name: str) -> bool:
    """RFC 9525 section 6.3: equal, or `*` for the whole first label; addresses only when equal."""
    name = name.lower()
    try:
        return str(ipaddress.ip_address(name)) in held
    except ValueError:
        pass
    parent = name.partition(".")[2]
    return any(each.lower() in (name, f"*.{parent}" if parent else name) for each in held)
