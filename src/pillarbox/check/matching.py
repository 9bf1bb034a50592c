"""Which hosts a certificate speaks for.

Must never: look at the common name, or let a wildcard stand for more than one label.

RFC 9525 sections 6.3 and 6.5.
"""

from __future__ import annotations

import ipaddress

from cryptography import x509


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names and addresses of the subjectAltName; empty when there is none or it is broken."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    addresses = tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def vouches_for(certificate: x509.Certificate, host: str) -> bool:
    """Whether a client that asked for `host` may accept it."""
    names = names_in(certificate)
    try:
        return str(ipaddress.ip_address(host)) in names
    except ValueError:
        return any(_matches(name.lower().rstrip("."), host.lower().rstrip(".")) for name in names)


def _matches(name: str, host: str) -> bool:
    if not name.startswith("*."):
        return name == host
    first, _, rest = host.partition(".")
    return bool(first) and rest == name[2:] and "." in rest
