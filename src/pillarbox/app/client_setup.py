"""What this installation tells mail programs, worked out from all settings: for the HTTPS port and the command line.

Must never: look a name up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from pillarbox.app.certificates import machine_names
from pillarbox.app.settings import ServerSettings
from pillarbox.net.settings import ListenAddress
from pillarbox.web.client_settings import Site, make_site


def site_of(settings: ServerSettings, imap_port: int | None = None, web_port: int | None = None) -> Site:
    """The one source of every document. The ports are those really listened at, for settings with port 0.

    Raises SetupInvalid.
    """
    names = (*settings.tls.server_names, *machine_names(), "localhost")
    if web_port is None and settings.web.listen:
        web_port = settings.web.listen[0].port
    return make_site(settings.client_setup, names[0], imap_port or settings.listen[0].port, web_port)


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
