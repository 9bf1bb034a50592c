"""What this installation tells mail programs, worked out from all settings: for the HTTPS port and the command line.

Must never: look a name up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from cryptography import x509

from pillarbox.app.certificates import machine_names, plan
from pillarbox.app.settings import ServerSettings
from pillarbox.net.served import files_for
from pillarbox.net.settings import ListenAddress
from pillarbox.net.tls import CertificateFiles, CertificateUnusable
from pillarbox.web.client_settings import Site, make_site
from pillarbox.web.dns_records import MorePorts
from pillarbox.web.mobileconfig import ProfileSigner, read_signer

IMAPS = 993
"""RFC 8314 section 3.2."""


def site_of(settings: ServerSettings, imap_port: int | None = None, web_port: int | None = None) -> Site:
    """The one source of every document. The ports are those really listened at, for settings with port 0 (any).

    Raises SetupInvalid.
    """
    names = (*settings.tls.server_names, *machine_names(), "localhost")
    if web_port is None and settings.web.listen:
        web_port = settings.web.listen[0].port or settings.client_setup.web_port or None
    return make_site(settings.client_setup, names[0], imap_port or settings.listen[0].port or IMAPS, web_port)


def public_addresses(listen: Sequence[ListenAddress]) -> list[str]:
    """The addresses listened at that others can reach: what A and AAAA records hold."""
    found = []
    for each in listen:
        try:
            address = ipaddress.ip_address(each.host)
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or address.is_link_local):
            found.append(str(address))
    return found


def more_ports(settings: ServerSettings) -> MorePorts:
    """What is served besides IMAPS and HTTPS; port 0 (any) is none that can be published."""
    sieve = settings.managesieve
    others = [*sieve.listen_tls, *settings.lmtp.listen]
    return MorePorts(
        imap=next((each.port for each in settings.listen_starttls if each.port), None),
        sieve=next((each.port for each in sieve.listen if each.port), None),
        others=tuple(each.port for each in others if each.port),
    )


def served_files(settings: ServerSettings, name: str = "") -> CertificateFiles:
    """Where the certificate is that the server shows to a client that asks for `name` (empty: for none), or will show
    once it has made it."""
    return files_for(plan(settings), name)


def served_certificate(settings: ServerSettings, name: str = "") -> x509.Certificate:
    """That certificate, without its key. Raises CertificateUnusable."""
    return served_chain(settings, name)[0]


def served_chain(settings: ServerSettings, name: str = "") -> list[x509.Certificate]:
    """That certificate, and what is sent along with it. Raises CertificateUnusable."""
    path = served_files(settings, name).certificate_path
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except FileNotFoundError as error:
        raise CertificateUnusable(f"there is no {path} yet; the first `pillarbox serve` makes it") from error
    except OSError as error:
        raise CertificateUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateUnusable(f"{path}: not a PEM certificate") from error


def server_signer(settings: ServerSettings) -> ProfileSigner | None:
    """Signs Apple's profiles; None for a kind of key that they can't be signed with. Raises CertificateUnusable."""
    served_certificate(settings)
    return read_signer(served_files(settings))
