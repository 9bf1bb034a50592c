"""Reads every document back the way the programs that it is for do, into the same few values."""

from __future__ import annotations

import plistlib
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from xml.etree import ElementTree

from pillarbox.web.dns_records import Record, State

_OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


@dataclass(frozen=True, slots=True)
class Read:
    """One server as a program understood it."""

    protocol: str
    host: str
    port: int
    security: str
    user_name: str


def autoconfig(document: bytes, address: str) -> set[Read]:
    """As Thunderbird: placeholders are replaced by the program."""
    local_part = address.rpartition("@")[0]
    found = set()
    for server in ElementTree.fromstring(document).findall("./emailProvider/*[hostname]"):
        security = {"SSL": "TLS", "STARTTLS": "STARTTLS"}[server.findtext("socketType", "")]
        name = {"%EMAILADDRESS%": address, "%EMAILLOCALPART%": local_part}[server.findtext("username", "")]
        port = int(server.findtext("port", ""))
        found.add(Read(server.attrib["type"], server.findtext("hostname", ""), port, security, name))
    return found


def autodiscover(document: bytes) -> set[Read]:
    """As Outlook: Encryption counts more than SSL."""
    found = set()
    for each in ElementTree.fromstring(document).iter(f"{_OUTLOOK}Protocol"):
        said = {child.tag.removeprefix(_OUTLOOK): child.text or "" for child in each}
        security = {"SSL": "TLS", "TLS": "STARTTLS"}[said["Encryption"]]
        found.add(Read(said["Type"].lower(), said["Server"], int(said["Port"]), security, said["LoginName"]))
    return found


def mobileconfig(document: bytes) -> set[Read]:
    """As iOS: whether UseSSL means TLS or STARTTLS is found out by the port."""
    (account,) = plistlib.loads(document)["PayloadContent"]
    found = set()
    for direction, protocol in (("Incoming", "imap"), ("Outgoing", "smtp")):
        said = {key.removeprefix(f"{direction}MailServer"): value for key, value in account.items()}
        assert said["UseSSL"] is True
        security = "STARTTLS" if said["PortNumber"] == 587 else "TLS"
        found.add(Read(protocol, said["HostName"], said["PortNumber"], security, said["Username"]))
    return found


class Page(HTMLParser):
    """The page as a browser takes it apart: the tags, and the lines of each server."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._section: list[str] = []
        self.sections: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._section = []
            self.sections.append(self._section)

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._section = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)
            self._section.append(data.strip())

    def servers(self) -> set[Read]:
        found = set()
        for section in self.sections:
            if "Port" in section:
                said = dict(zip(section[2::2], section[3::2], strict=True))
                security = {"SSL/TLS": "TLS", "STARTTLS": "STARTTLS"}[said["Security"]]
                protocol = section[1].lower()
                found.add(Read(protocol, said["Server"], int(said["Port"]), security, said["User name"]))
        return found


def plain(text: str) -> set[Read]:
    found = set()
    for block in text.strip().split("\n\n")[1:]:
        title, *rows = block.splitlines()
        said = {row[2:12].strip(): row[13:] for row in rows}
        security = {"SSL/TLS": "TLS", "STARTTLS": "STARTTLS"}[said["Security"]]
        protocol = title.partition("(")[2].rstrip(")").lower()
        found.add(Read(protocol, said["Server"], int(said["Port"]), security, said["User name"]))
    return found


def srv(records: Iterable[Record], domain: str, user_name: str) -> set[Read]:
    """RFC 6186 and RFC 8314: the service's name says how TLS begins."""
    kinds = {"_imaps": ("imap", "TLS"), "_submissions": ("smtp", "TLS"), "_submission": ("smtp", "STARTTLS")}
    found = set()
    for record in (each for each in records if each.state is State.READY):
        service = record.name.partition(".")[0]
        _, _, port, target = record.value.split() if record.type == "SRV" else ("", "", "0", ".")
        if service in kinds and record.name.endswith(f".{domain}.") and target != ".":
            protocol, security = kinds[service]
            found.add(Read(protocol, target.rstrip("."), int(port), security, user_name))
    return found
