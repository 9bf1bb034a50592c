"""`pillarbox client-config`: what mail programs need, shown or written to files.

Must never: write a password, or through a symbolic link.
"""

from __future__ import annotations

import json as json_text
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.client_setup import server_signer, site_of
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json
from pillarbox.web import autoconfig, autodiscover, mobileconfig, qr
from pillarbox.web.client_settings import AddressUnusable, ClientSettings, SetupInvalid, Site, parse_address
from pillarbox.web.mobileconfig import ProfileSigner
from pillarbox.web.page import Pages, server_lines

_MODE: Final = 0o644
"""The documents are for everybody and hold no secret."""


@dataclass(frozen=True, slots=True)
class _Document:
    """One file to be written."""

    path: Path
    data: bytes


def client_config(
    *,
    user: Annotated[str | None, Parameter(help="Only for this account. Default: all accounts.")] = None,
    out: Annotated[Path | None, Parameter(help="Folder to write the files to. Default: show the settings.")] = None,
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Show or write what mail programs need."""
    site = _site(place)
    people = _people(place, site, user)
    if out is not None:
        _write(out, _documents(site, people, user, _signer(place)))
    elif json:
        say_json([_as_json(site, each) for each in people])
    else:
        _show(site, people, user)


def _site(place: Place) -> Site:
    try:
        return site_of(place.settings())
    except SetupInvalid as error:
        raise CommandFailed(str(error), ExitCode.CONFIG) from error


def _people(place: Place, site: Site, user: str | None) -> list[ClientSettings]:
    """The settings of one account or of all."""
    if user is not None:
        names = [account_named(place, user).login_name]
    else:
        place.check()
        with accounts(place) as directory:
            names = [account.login_name for account in directory.accounts() if not account.disabled]
    found = []
    for name in names:
        settings = _settings(site, name)
        if settings is not None:
            found.append(settings)
        elif user is not None or not site.domains:
            raise CommandFailed(
                f"{name} has no mail address here: set client_setup.domains in pillarbox.toml", ExitCode.CONFIG
            )
        else:
            complain(f"{name}: the domain is not in client_setup.domains; left out")
    return found


def _settings(site: Site, login_name: str) -> ClientSettings | None:
    """A name without a domain has its address in the first domain that is served."""
    text = login_name if "@" in login_name else f"{login_name}@{site.domains[0]}" if site.domains else ""
    try:
        return site.of_address(parse_address(text))
    except AddressUnusable:
        return None


def _signer(place: Place) -> ProfileSigner | None:
    from pillarbox.net.tls import CertificateUnusable

    try:
        return server_signer(place.settings())
    except CertificateUnusable as error:
        complain(f"profiles are not signed: {error}")
        return None


# --- showing ----------------------------------------------------------------------------------------


def _show(site: Site, people: Sequence[ClientSettings], user: str | None) -> None:
    pages = Pages()
    if user is None:
        domains = [settings for domain in site.domains if (settings := site.of_domain(domain)) is not None]
        people = domains or people[:1]
        if not people:
            raise CommandFailed("there are no accounts and no client_setup.domains to speak of", ExitCode.NO_INPUT)
    for number, settings in enumerate(people):
        if number:
            say("")
        say(pages.plain(settings).rstrip("\n"))
        if sys.stdout.isatty():
            say("\n" + qr.for_terminal(qr.content(settings, site.web_url)).rstrip("\n"))
        if site.web_url is not None:
            say(f"\nThe same to read and to copy: {qr.page_of(settings, site.web_url)}")


def _as_json(site: Site, settings: ClientSettings) -> dict[str, object]:
    return {
        "address": settings.address.text if settings.address is not None else None,
        "domain": settings.domain,
        "display_name": settings.display_name,
        "servers": [
            {
                "protocol": server.protocol.lower(),
                "host": server.host,
                "port": server.port,
                "security": server.security,
                "user_name": server.user_name,
            }
            for server in server_lines(settings)
        ],
        "page": None if site.web_url is None else qr.page_of(settings, site.web_url),
    }


# --- writing ----------------------------------------------------------------------------------------


def _documents(
    site: Site, people: Sequence[ClientSettings], user: str | None, signer: ProfileSigner | None
) -> Iterator[_Document]:
    pages = Pages()
    if user is None:
        for domain in site.domains or sorted({each.domain for each in people}):
            settings = site.of_domain(domain)
            if settings is not None:
                yield from _of_domain(site, settings, pages)
    for settings in people:
        yield from _of_person(site, settings, pages, signer)


def _of_domain(site: Site, settings: ClientSettings, pages: Pages) -> Iterator[_Document]:
    """Laid out as a web server serves them: a root for autoconfig.DOMAIN, DOMAIN and autodiscover.DOMAIN."""
    folder = Path(settings.domain)
    document = autoconfig.autoconfig(settings, site.web_url)
    for path in autoconfig.PATHS:
        yield _Document(folder / path.lstrip("/"), document)
    if site.web_url is not None:
        _, pointer = autodiscover.json_response(autodiscover.PROTOCOL, site.web_url)
        yield _Document(folder / autodiscover.JSON_PATH.lstrip("/"), json_text.dumps(pointer).encode() + b"\n")
    yield from _pages(site, settings, pages, folder)


def _of_person(site: Site, settings: ClientSettings, pages: Pages, signer: ProfileSigner | None) -> Iterator[_Document]:
    address = settings.address
    assert address is not None
    folder = Path(settings.domain, "accounts", _file_name(address.text))
    yield from _pages(site, settings, pages, folder)
    yield _Document(folder / "autodiscover.xml", autodiscover.settings_response(settings, address))
    if settings.smtp is not None:
        profile = mobileconfig.mobileconfig(settings, address)
        yield _Document(folder / "mail.mobileconfig", profile if signer is None else signer.sign(profile))


def _pages(site: Site, settings: ClientSettings, pages: Pages, folder: Path) -> Iterator[_Document]:
    yield _Document(folder / "settings.html", pages.single_file(settings, site.web_url))
    yield _Document(folder / "settings.txt", pages.plain(settings).encode())
    yield _Document(folder / "qr.svg", qr.as_svg(qr.content(settings, site.web_url)))


def _file_name(address: str) -> str:
    """An address as the name of a folder: no slash, and no dot to begin with."""
    return address.replace("/", "%2F").replace("\0", "").lstrip(".") or "_"


def _write(folder: Path, documents: Iterator[_Document]) -> None:
    has_profile = False
    count = 0
    try:
        for document in documents:
            path = folder / document.path
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
            with open(descriptor, "wb") as file:
                file.write(document.data)
            say(str(path))
            count += 1
            has_profile = has_profile or path.suffix == ".mobileconfig"
    except OSError as error:
        raise CommandFailed(f"can't write {error.filename}: {error.strerror}", ExitCode.UNAVAILABLE) from error
    complain(f"{count} files written.")
    if has_profile:
        complain("The profiles hold no password: the device asks for it while installing.")
    elif count:
        complain("No Apple profiles: they need a server for sending; set client_setup.smtp_host.")
