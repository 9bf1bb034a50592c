"""Who may pass connections on for others (PROXY protocol), for each door.

Must never: name a proxy that the operator did not.
"""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.app.settings import ServerSettings
from pillarbox.auth.networks import NetworkInvalid, NetworkSet


def proxies_of(typed: Sequence[str]) -> NetworkSet | None:
    """None when there are none: then nothing is asked of any connection. Raises NetworkInvalid."""
    return NetworkSet(typed) if typed else None


def check_proxies(settings: ServerSettings) -> None:
    """Find out before serving whether the settings can be used. Raises NetworkInvalid."""
    for where, typed in (
        ("proxy_from", settings.proxy_from),
        ("managesieve.proxy_from", settings.managesieve.proxy_from),
        ("lmtp.proxy_from", settings.lmtp.proxy_from),
        ("web.proxy_from", settings.web.proxy_from),
    ):
        try:
            proxies_of(typed)
        except NetworkInvalid as error:
            raise NetworkInvalid(f"{where}: {error}") from error
