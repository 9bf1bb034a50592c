"""`pillarbox dns`: every DNS record to publish.

Must never: ask the DNS; that is `pillarbox check` and `pillarbox doctor`.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pillarbox.app.client_setup import more_ports, public_addresses, served_chain, site_of
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json
from pillarbox.net.tls import CertificateUnusable
from pillarbox.web.client_settings import AddressUnusable, SetupInvalid, Site, ascii_host
from pillarbox.web.dns_records import TTL_SECONDS, State, records, zone_text


def dns(
    *,
    domain: Annotated[
        tuple[str, ...], Parameter(negative="", help="Mail domain; may be given several times. Default: all served.")
    ] = (),
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Print the records."""
    settings = place.settings()
    try:
        site = site_of(settings)
    except SetupInvalid as error:
        raise CommandFailed(str(error), ExitCode.CONFIG) from error
    chains = {}
    try:
        for host in (site.imap.host, site.web_host):
            chains[host] = served_chain(settings, host)
    except CertificateUnusable as error:
        complain(f"no TLSA and CAA records: {error}")
    found = records(site, _domains(site, domain), public_addresses(settings.listen), chains, more_ports(settings))
    if json:
        say_json(
            [
                {
                    "name": each.name,
                    "ttl": TTL_SECONDS,
                    "type": each.type,
                    "value": each.value,
                    "state": each.state.value,
                    "why": each.why,
                }
                for each in found
            ]
        )
        return
    say(zone_text(found).rstrip("\n"))
    if any(each.state is State.COMPLETE for each in found):
        complain("Lines behind a `;` with <...> want a value from you.")


def _domains(site: Site, typed: tuple[str, ...]) -> tuple[str, ...]:
    try:
        domains = tuple(ascii_host(each) for each in typed) or site.domains
    except AddressUnusable as error:
        raise CommandFailed("--domain: that is no domain name", ExitCode.USAGE) from error
    if not domains:
        raise CommandFailed(
            "which mail domain? Set client_setup.domains in pillarbox.toml, or: pillarbox dns --domain example.org",
            ExitCode.USAGE,
        )
    return domains
