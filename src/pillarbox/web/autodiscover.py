"""Microsoft's Autodiscover, for Outlook and Windows: version 1 (XML by POST) and version 2 (JSON, points to it).

Must never: read a document type declaration, so no entity of any kind; give Exchange or ActiveSync answers.

[MS-OXDSCLI] sections 2.2.3 (request) and 2.2.4 (response).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from pillarbox.web.client_settings import Address, ClientSettings, Endpoint
from pillarbox.web.settings import Security

XML_PATH: Final = "/autodiscover/autodiscover.xml"
JSON_PATH: Final = "/autodiscover/autodiscover.json"
PROTOCOL: Final = "AutodiscoverV1"

_RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_ERROR_ID: Final = "1"
_MAX_DEPTH: Final = 16
"""A request is three deep."""


class Refusal(enum.Enum):
    """Why a request gets no settings: code and text of the <Error> element."""

    INVALID = ("600", "Invalid Request")
    SCHEMA = ("601", "The requested schema version is not supported")
    NOT_FOUND = ("500", "The email address can't be found")


class RequestUnusable(ValueError):
    """Not an Autodiscover request."""


@dataclass(frozen=True, slots=True)
class AutodiscoverRequest:
    """What a program asks."""

    address: str
    schema: str

    @property
    def wants_outlook(self) -> bool:
        """The only schema answered; a program that names none means it."""
        return self.schema in ("", _OUTLOOK)


def read_request(body: bytes) -> AutodiscoverRequest:
    """Read a POST's body, whose size the caller has bounded. Raises RequestUnusable."""
    found: dict[str, str] = {}
    path: list[str] = []

    def begin(name: str, _attributes: dict[str, str]) -> None:
        path.append(name.rpartition(" ")[2].lower())
        if len(path) > _MAX_DEPTH:
            raise RequestUnusable("too deep")

    def end(_name: str) -> None:
        path.pop()

    def text(data: str) -> None:
        if len(path) == 3 and path[:2] == ["autodiscover", "request"]:
            found[path[2]] = found.get(path[2], "") + data

    def no_doctype(*_: object) -> None:
        raise RequestUnusable("a document type declaration")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = no_doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:  # ValueError: a codec that Python doesn't have, or our own
        raise RequestUnusable(str(error)) from error
    except LookupError as error:
        raise RequestUnusable("an unknown encoding") from error
    address = found.get("emailaddress", "").strip()
    if not address:
        raise RequestUnusable("no EMailAddress")
    return AutodiscoverRequest(address, found.get("acceptableresponseschema", "").strip())


def settings_response(settings: ClientSettings, address: Address) -> bytes:
    """The settings as Outlook wants them."""
    response = ElementTree.Element("Response", xmlns=_OUTLOOK)
    user = ElementTree.SubElement(response, "User")
    _text(user, "DisplayName", settings.display_name)
    account = ElementTree.SubElement(response, "Account")
    _text(account, "AccountType", "email")
    _text(account, "Action", "settings")
    name = settings.user_name(address)
    _protocol(account, "IMAP", settings.imap, name)
    if settings.smtp is not None:
        protocol = _protocol(account, "SMTP", settings.smtp, name)
        _text(protocol, "UsePOPAuth", "on")  # sending uses the same user name and password
        _text(protocol, "SMTPLast", "off")
    return _document(response)


def error_response(refusal: Refusal, now_seconds: float) -> bytes:
    """[MS-OXDSCLI] 2.2.4.1.1.2: why there are no settings."""
    code, message = refusal.value
    response = ElementTree.Element("Response")
    time = datetime.fromtimestamp(now_seconds, UTC).strftime("%H:%M:%S.%f")
    error = ElementTree.SubElement(response, "Error", Time=time, Id=_ERROR_ID)
    _text(error, "ErrorCode", code)
    _text(error, "Message", message)
    ElementTree.SubElement(error, "DebugData")
    return _document(response)


def json_response(protocol: str | None, base_url: str) -> tuple[int, dict[str, str]]:
    """Version 2: HTTP status and document. Knows where version 1 is, nothing else."""
    if not protocol:
        return 400, {
            "ErrorCode": "MandatoryParameterMissing",
            "ErrorMessage": "A valid value must be provided for the query parameter 'Protocol'",
        }
    if protocol.lower() != PROTOCOL.lower():
        return 400, {
            "ErrorCode": "InvalidProtocol",
            "ErrorMessage": f"The given protocol value is invalid. Supported values are '{PROTOCOL}'",
        }
    return 200, {"Protocol": PROTOCOL, "Url": f"{base_url}{XML_PATH}"}


def _protocol(account: ElementTree.Element, kind: str, endpoint: Endpoint, user_name: str) -> ElementTree.Element:
    protocol = ElementTree.SubElement(account, "Protocol")
    is_tls = endpoint.security is Security.TLS
    for tag, text in (
        ("Type", kind),
        ("Server", endpoint.host),
        ("Port", str(endpoint.port)),
        ("DomainRequired", "off"),
        ("LoginName", user_name),
        ("SPA", "off"),
        ("SSL", "on"),
        ("Encryption", "SSL" if is_tls else "TLS"),  # Outlook's words for implicit TLS and for STARTTLS
        ("AuthRequired", "on"),
    ):
        _text(protocol, tag, text)
    return protocol


def _document(response: ElementTree.Element) -> bytes:
    root = ElementTree.Element("Autodiscover", xmlns=_RESPONSE)
    root.append(response)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document + b"\n"


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
