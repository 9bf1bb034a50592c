"""config-v1.1.xml against the rules in Mozilla's description, and what Thunderbird's reader insists on.

Written down from wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat:
- the root is <clientConfig version="1.1">, without a namespace; it holds one <emailProvider id="DOMAIN">;
- one <domain> or more, each a host name in lower case; <displayName> and <displayShortName>;
- <incomingServer type="imap|pop3"> one or more, <outgoingServer type="smtp">, each with exactly one <hostname>,
  <port> 1 to 65535, <socketType> plain|SSL|STARTTLS, <username>, and <authentication> of a known kind;
- Thunderbird's reader takes no document without an outgoingServer;
- placeholders %EMAILADDRESS%, %EMAILLOCALPART%, %EMAILDOMAIN%;
- <documentation url="..."> with <descr lang="..."> inside.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pillarbox.web.autoconfig import autoconfig
from pillarbox.web.client_settings import Site
from tests.web.sites import RECEIVING_ONLY, SITE, STARTTLS

HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
AUTHENTICATIONS = {
    "password-cleartext", "password-encrypted", "NTLM", "GSSAPI", "client-IP-address", "TLS-client-cert", "OAuth2",
    "none",
}  # fmt: skip
PLACEHOLDER = re.compile(r"%(EMAILADDRESS|EMAILLOCALPART|EMAILDOMAIN)%")


def complaints(document: bytes) -> list[str]:
    """What Mozilla's rules say against a document."""
    found = []
    root = ElementTree.fromstring(document)
    if (root.tag, root.attrib) != ("clientConfig", {"version": "1.1"}):
        found.append("root")
    providers = root.findall("emailProvider")
    if len(providers) != 1 or list(root) != providers or not HOST.fullmatch(providers[0].attrib.get("id", "")):
        return [*found, "provider"]
    provider = providers[0]
    domains = [each.text or "" for each in provider.findall("domain")]
    if not domains or not all(HOST.fullmatch(domain) for domain in domains):
        found.append("domain")
    found += [tag for tag in ("displayName", "displayShortName") if not provider.findtext(tag)]
    found += [f"no {tag}" for tag in ("incomingServer", "outgoingServer") if not provider.findall(tag)]
    for tag, kinds in (("incomingServer", {"imap", "pop3"}), ("outgoingServer", {"smtp"})):
        for server in provider.findall(tag):
            if server.attrib.get("type") not in kinds:
                found.append(f"{tag} type")
            found += [f"{tag}: {each}" for each in _server(server)]
    known = {"domain", "displayName", "displayShortName", "incomingServer", "outgoingServer", "documentation"}
    found += [each.tag for each in provider if each.tag not in known]
    for each in provider.findall("documentation"):
        if not each.attrib.get("url", "").startswith("https://") or not (each.find("descr[@lang]") is not None):
            found.append("documentation")
    return found


def _server(server: ElementTree.Element) -> list[str]:
    tags = [each.tag for each in server]
    if sorted(tags) != ["authentication", "hostname", "port", "socketType", "username"]:
        return ["elements"]
    said = {each.tag: each.text or "" for each in server}
    found = []
    if not HOST.fullmatch(said["hostname"]):
        found.append("hostname")
    if not said["port"].isdecimal() or not 1 <= int(said["port"]) <= 65_535:
        found.append("port")
    if said["socketType"] not in {"plain", "SSL", "STARTTLS"}:
        found.append("socketType")
    if said["authentication"] not in AUTHENTICATIONS:
        found.append("authentication")
    if not said["username"] or "%" in PLACEHOLDER.sub("", said["username"]):
        found.append("username")
    return found


@pytest.mark.parametrize(
    ("site", "expected"),
    [(SITE, []), (STARTTLS, []), (RECEIVING_ONLY, ["no outgoingServer"])],
    ids=["tls", "starttls", "receiving only"],
)
def test_the_document_keeps_mozillas_rules(site: Site, expected: list[str]) -> None:
    settings = site.of_domain("example.org")
    assert settings is not None
    assert complaints(autoconfig(settings, site.web_url)) == expected


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('version="1.1"', 'version="1.0"', "root"),
        ("<port>993", "<port>99393", "incomingServer: port"),
        ("<socketType>SSL", "<socketType>TLS", "incomingServer: socketType"),
        ("%EMAILADDRESS%", "%EMAIL%", "incomingServer: username"),
        ("<hostname>mail", "<hostname>http://mail", "incomingServer: hostname"),
        ("<displayName>Mail at example.org</displayName>", "", "displayName"),
    ],
)
def test_the_rules_notice_a_wrong_document(right: str, wrong: str, complaint: str) -> None:
    settings = SITE.of_domain("example.org")
    assert settings is not None
    document = autoconfig(settings, SITE.web_url).decode().replace(right, wrong, 1)
    assert complaint in complaints(document.encode())
