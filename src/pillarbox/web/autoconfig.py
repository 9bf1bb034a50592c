"""The document that Thunderbird, Evolution, K-9, FairEmail and others look for: config-v1.1.xml.

User names are placeholders, which the program fills in itself, so a document is the same for all of a domain.

Must never: hold what a client sent.

Source: Mozilla's description of the format, wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from pillarbox.web.client_settings import ClientSettings, Endpoint
from pillarbox.web.settings import LoginStyle, Security

PATHS: Final = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
"""Below autoconfig.DOMAIN, and below DOMAIN itself."""

_USER_NAMES: Final = {LoginStyle.ADDRESS: "%EMAILADDRESS%", LoginStyle.LOCAL_PART: "%EMAILLOCALPART%"}
_SOCKET_TYPES: Final = {Security.TLS: "SSL", Security.STARTTLS: "STARTTLS"}


def autoconfig(settings: ClientSettings, page_url: str | None) -> bytes:
    """The document for a domain; `page_url` leads people to the page of settings."""
    root = ElementTree.Element("clientConfig", version="1.1")
    provider = ElementTree.SubElement(root, "emailProvider", id=settings.domain)
    _text(provider, "domain", settings.domain)
    _text(provider, "displayName", settings.display_name)
    _text(provider, "displayShortName", settings.display_name)
    _server(provider, "incomingServer", "imap", settings.imap, settings.login)
    if settings.smtp is not None:
        _server(provider, "outgoingServer", "smtp", settings.smtp, settings.login)
    if page_url is not None:
        documentation = ElementTree.SubElement(provider, "documentation", url=f"{page_url}/")
        description = ElementTree.SubElement(documentation, "descr", lang="en")
        description.text = "Settings for mail programs"
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document + b"\n"


def _server(provider: ElementTree.Element, tag: str, kind: str, endpoint: Endpoint, login: LoginStyle) -> None:
    server = ElementTree.SubElement(provider, tag, type=kind)
    _text(server, "hostname", endpoint.host)
    _text(server, "port", str(endpoint.port))
    _text(server, "socketType", _SOCKET_TYPES[endpoint.security])
    _text(server, "username", _USER_NAMES[login])
    _text(server, "authentication", "password-cleartext")  # inside TLS


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
