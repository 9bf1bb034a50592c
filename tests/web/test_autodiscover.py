"""Autodiscover: requests of every kind, and the answers that Outlook understands."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest

from pillarbox.web.autodiscover import (
    Refusal,
    RequestUnusable,
    error_response,
    json_response,
    read_request,
    settings_response,
)
from pillarbox.web.client_settings import parse_address
from tests.web.sites import SITE

OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
REQUEST = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
    "<Request><EMailAddress>{address}</EMailAddress>"
    "<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
)


def test_outlooks_request_is_read() -> None:
    asked = read_request(REQUEST.format(address="a&amp;b@example.org", schema=OUTLOOK).encode())
    assert (asked.address, asked.schema, asked.wants_outlook) == ("a&b@example.org", OUTLOOK, True)
    assert not read_request(REQUEST.format(address="a@example.org", schema=MOBILE).encode()).wants_outlook


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_request_may_come_in_any_encoding_that_xml_knows(encoding: str) -> None:
    text = REQUEST.format(address="jürgen@example.org", schema=OUTLOOK).replace("utf-8", encoding)
    assert read_request(text.encode(encoding)).address == "jürgen@example.org"


BOMB = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "/etc/hostname">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        f'<!DOCTYPE x [<!ENTITY a0 "lol">{BOMB}]>',
    ],
)
def test_no_entity_is_ever_read(doctype: str, encoding: str) -> None:
    text = REQUEST.format(address="&e;&a12;@example.org", schema=OUTLOOK)
    text = text.replace("?>", "?>" + doctype, 1).replace("utf-8", encoding)
    begin = time.monotonic()
    with pytest.raises(RequestUnusable, match="document type"):
        read_request(text.encode(encoding))
    assert time.monotonic() - begin < 1.0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not xml", b"<a>", b"\xff\xfe", b"<Autodiscover/>", b"{}", b"<a>" * 1000,
        b"<Autodiscover><Request><EMailAddress> </EMailAddress></Request></Autodiscover>",
        b'<?xml version="1.0" encoding="no-such"?><a/>', b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"<x><EMailAddress>a@example.org</EMailAddress></x>", b"<a>\x00</a>",
    ],
)  # fmt: skip
def test_everything_else_is_refused(body: bytes) -> None:
    with pytest.raises(RequestUnusable):
        read_request(body)


def test_outlook_finds_account_type_and_action() -> None:
    address = parse_address("alice@example.org")
    settings = SITE.of_address(address)
    assert settings is not None
    root = ElementTree.fromstring(settings_response(settings, address))
    assert root.tag == "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}Autodiscover"
    account = root.find(f"{{{OUTLOOK}}}Response/{{{OUTLOOK}}}Account")
    assert account is not None
    assert [account.findtext(f"{{{OUTLOOK}}}{tag}") for tag in ("AccountType", "Action")] == ["email", "settings"]
    for protocol in account.findall(f"{{{OUTLOOK}}}Protocol"):
        said = {each.tag.partition("}")[2]: each.text for each in protocol}
        assert (said["SPA"], said["SSL"], said["AuthRequired"], said["DomainRequired"]) == ("off", "on", "on", "off")


def test_a_refusal_has_a_code_and_the_time_of_day() -> None:
    error = ElementTree.fromstring(error_response(Refusal.INVALID, 3_661.25)).find(".//{*}Error")
    assert error is not None
    assert (error.attrib["Time"], error.findtext("{*}ErrorCode"), error.findtext("{*}Message")) == (
        "01:01:01.250000", "600", "Invalid Request",
    )  # fmt: skip


def test_version_2_points_to_version_1() -> None:
    assert json_response("AutoDiscoverV1", "https://mail.example.org") == (
        200, {"Protocol": "AutodiscoverV1", "Url": "https://mail.example.org/autodiscover/autodiscover.xml"},
    )  # fmt: skip
    assert json_response("ActiveSync", "https://x")[1]["ErrorCode"] == "InvalidProtocol"
    assert json_response(None, "https://x")[1]["ErrorCode"] == "MandatoryParameterMissing"
    assert [json_response(each, "https://x")[0] for each in ("<x>", "")] == [400, 400]
