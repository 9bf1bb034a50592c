"""The one source of truth for what a mail program has to know; every document is rendered from it.

Must never: know whether an account exists. What is told depends on the domain and on the address as it was typed.

RFC 5321 section 4.1.2 (addresses), RFC 8314 (TLS for mail).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from pillarbox.web.settings import ClientSetupSettings, LoginStyle, Security

MAX_ADDRESS_BYTES: Final = 254
"""RFC 5321 section 4.5.3.1.3."""
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
"""RFC 1123 section 2.1, in lower case, and `_`, which some people have."""
_MAX_HOST: Final = 253


class AddressUnusable(ValueError):
    """No mail address; the text says why, in plain English."""


class SetupInvalid(ValueError):
    """`[client_setup]` can't be used; the text says why, in plain English."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of one protocol."""

    host: str
    port: int
    security: Security

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address as somebody typed it; the local part may hold anything printable."""

    text: str
    local_part: str
    domain: str
    """In lower case and ASCII (IDNA)."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a mail program needs for the accounts of one domain, or for one address in it."""

    domain: str
    display_name: str
    imap: Endpoint
    smtp: Endpoint | None
    login: LoginStyle
    address: Address | None = None

    def user_name(self, address: Address) -> str:
        """What is typed as user name, at both servers."""
        return address.text if self.login is LoginStyle.ADDRESS else address.local_part


@dataclass(frozen=True, slots=True)
class Site:
    """All that this installation tells mail programs."""

    domains: tuple[str, ...]
    """Served; empty: any."""
    display_name: str
    imap: Endpoint
    smtp: Endpoint | None
    login: LoginStyle
    web_host: str
    web_port: int | None
    """None: there is no HTTPS port."""

    @property
    def web_url(self) -> str | None:
        """Where the documents are, without a slash at the end; None without an HTTPS port."""
        if self.web_port is None:
            return None
        host = f"[{self.web_host}]" if ":" in self.web_host else self.web_host
        return f"https://{host}" if self.web_port == 443 else f"https://{host}:{self.web_port}"

    def of_domain(self, domain: str) -> ClientSettings | None:
        """The settings for a domain in ASCII and lower case; None when it is not served here."""
        if self.domains and domain not in self.domains:
            return None
        name = self.display_name or f"Mail at {domain}"
        return ClientSettings(domain, name, self.imap, self.smtp, self.login)

    def of_address(self, address: Address) -> ClientSettings | None:
        """The settings for one address; None when its domain is not served here."""
        settings = self.of_domain(address.domain)
        return None if settings is None else dataclasses.replace(settings, address=address)


def make_site(setup: ClientSetupSettings, imap_host: str, imap_port: int, web_port: int | None) -> Site:
    """`setup` with what it leaves open: the host and ports that are served. Raises SetupInvalid."""
    host = _own(setup.imap_host or imap_host, "imap_host")
    smtp = None
    if setup.smtp_host:
        smtp = Endpoint(_own(setup.smtp_host, "smtp_host"), _port(setup.smtp_port, "smtp_port"), setup.smtp_security)
    if any(not character.isprintable() for character in setup.display_name):
        raise SetupInvalid("client_setup.display_name holds a character that can't be printed")
    return Site(
        domains=tuple(dict.fromkeys(_domain(domain, "domains") for domain in setup.domains)),
        display_name=setup.display_name,
        imap=Endpoint(host, _port(setup.imap_port or imap_port, "imap_port"), Security.TLS),
        smtp=smtp,
        login=setup.login,
        web_host=_own(setup.web_host, "web_host") if setup.web_host else host,
        web_port=None if web_port is None else _port(setup.web_port or web_port, "web_port"),
    )


def parse_address(text: str) -> Address:
    """Raises AddressUnusable. Blanks around the address are dropped; a quoted local part stays as it is."""
    text = text.strip()
    local_part, at, domain = text.rpartition("@")
    if not at or not local_part or not domain:
        raise AddressUnusable("a mail address looks like alice@example.org")
    if not text.isprintable() or any(character.isspace() and character != " " for character in text):
        raise AddressUnusable("it holds a character that can't be printed")
    if len(text.encode()) > MAX_ADDRESS_BYTES:
        raise AddressUnusable(f"it is longer than {MAX_ADDRESS_BYTES} bytes")
    return Address(text, local_part, ascii_host(domain))


def ascii_host(name: str) -> str:
    """A DNS name in ASCII and lower case, without a dot at the end. Raises AddressUnusable."""
    try:
        ascii_name = name.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_name = ""
    if len(ascii_name) > _MAX_HOST or not _HOST.fullmatch(ascii_name):
        raise AddressUnusable("what stands behind the @ is no domain name")
    return ascii_name


def _own(name: str, key: str) -> str:
    """A host of ours: a name or an address."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return _domain(name, key)


def _domain(name: str, key: str) -> str:
    try:
        return ascii_host(name)
    except AddressUnusable as error:
        raise SetupInvalid(f'client_setup.{key}: "{name}" is no domain name') from error


def _port(number: int, key: str) -> int:
    if not 0 < number <= 65_535:
        raise SetupInvalid(f"client_setup.{key}: there is no port {number}; 1 to 65535")
    return number
