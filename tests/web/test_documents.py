"""Paths, addresses and headers, in memory: who gets what, and that nobody learns who has an account."""

from __future__ import annotations

import dataclasses
from urllib.parse import quote

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents
from pillarbox.web.documents import SECURITY_HEADERS
from tests.web import reading
from tests.web.asgi import Answer, client
from tests.web.sites import NASTY, RECEIVING_ONLY, SITE, STARTTLS
from tests.web.test_autodiscover import MOBILE, OUTLOOK, REQUEST

SERVED = dataclasses.replace(RECEIVING_ONLY, web_port=443)
AUTOCONFIG = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")


class Recorded(NoEvents):
    def __init__(self) -> None:
        self.seen: list[dict[str, Field]] = []

    def info(self, event: str, **fields: Field) -> None:
        self.seen.append({"event": event, **fields})


async def every_answer(address: str) -> list[Answer]:
    """All that the server says about one address."""
    http, asked = client(SITE), quote(address)
    answers = [await http.for_address(path, address) for path in (*AUTOCONFIG, "/", "/mail.mobileconfig", "/qr.svg")]
    escaped = address.replace("&", "&amp;").replace("<", "&lt;")
    body = REQUEST.format(address=escaped, schema=OUTLOOK).encode()
    answers.append(await http.post("/autodiscover/autodiscover.xml", body))
    answers.append(await http.get(f"/autodiscover/autodiscover.json?Email={asked}&Protocol=AutodiscoverV1"))
    answers.append(await http.get(f"/autodiscover/autodiscover.json/v1.0/{asked}?Protocol=AutodiscoverV1"))
    return answers


async def test_no_answer_depends_on_whether_somebody_has_an_account() -> None:
    # The application never sees accounts; so two names of one length differ in nothing but the name.
    some, others = await every_answer("alice@example.org"), await every_answer("nobdy@example.org")
    assert [answer.status for answer in some] == [200] * 8
    for one, other in zip(some, others, strict=True):
        if "svg" in one.headers["content-type"] or "aspen" in one.headers["content-type"]:
            continue  # a picture of the name; UUIDs made from the name
        assert one.headers == other.headers
        assert one.text.replace("alice", "nobdy") == other.text


async def test_a_domain_that_is_not_served_gets_nothing() -> None:
    answers = await every_answer("eve@example.net")
    assert [answer.status for answer in answers] == [404] * 5 + [200] + [404] * 2
    assert "<ErrorCode>500</ErrorCode>" in answers[5].text
    assert not any(b"mail.example.org" in answer.body for answer in answers)


@pytest.mark.parametrize("text", NASTY)
async def test_an_address_can_not_break_out_of_a_document(text: str) -> None:
    page, _ = await client(STARTTLS).for_address("/", text), None
    harmless = await client(STARTTLS).for_address("/", "alice@" + text.rpartition("@")[2])
    tags, expected = (
        [(tag, sorted(attributes)) for tag, attributes in reading.Page(answer.text).tags] for answer in (page, harmless)
    )
    assert tags == expected
    assert text in reading.Page(page.text).texts
    for path in ("/mail.mobileconfig", "/qr.svg", *AUTOCONFIG):
        assert (await client(STARTTLS).for_address(path, text)).status == 200
    answer = await client(SITE).get(f"/?emailaddress={quote('x' + text + chr(7))}")
    assert (answer.status, chr(7) in answer.text) == (400, False)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200), ("GET", "/?emailaddress=a@example.org", 200), ("GET", "/?emailaddress=a", 400),
        ("GET", "/style.css", 200), ("GET", "/copy.js", 200), ("GET", "/nothing", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/mail/config-v1.1.xml", 200), ("DELETE", "/", 405), ("HEAD", "/", 200), ("PUT", "/style.css", 405),
        ("GET", "/autodiscover/autodiscover.xml", 405), ("POST", "/autodiscover/autodiscover.xml", 200),
        ("GET", "/autodiscover/autodiscover.json", 400), ("POST", "/", 405),
    ],
)  # fmt: skip
async def test_every_answer_carries_the_security_headers(method: str, target: str, status: int) -> None:
    answer = await client(SITE).send(method, target, [])
    assert answer.status == status
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    assert answer.headers["date"] == "Thu, 28 May 2026 20:26:40 GMT"
    assert HeldClock().seconds == 1_780_000_000
    assert answer.headers["cache-control"] == (
        "max-age=3600" if target[1:] in ("style.css", "copy.js") and status == 200 else "no-store"
    )
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_the_page_needs_nothing_that_the_policy_forbids() -> None:
    for answer in (await client(SITE).for_address("/", "a@example.org"), await client(SITE).get("/")):
        page = reading.Page(answer.text)
        assert not any(name == "style" or name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert not any(tag == "style" for tag, _ in page.tags)
        links = [attributes.get(name) for _, attributes in page.tags for name in ("src", "href", "action")]
        assert all(link.startswith(("/", "data:,")) for link in links if link)
        assert [attributes.get("src") for tag, attributes in page.tags if tag == "script"] in (["/copy.js"], [])


@pytest.mark.parametrize(
    ("host", "status"),
    [("autoconfig.example.org", 200), ("example.org:443", 200), ("mail.example.org", 200), ("<x>", 404), ("", 404)],
)
async def test_without_an_address_the_host_names_the_domain(host: str, status: int) -> None:
    answer = await client(SITE).get("/mail/config-v1.1.xml", host)
    assert answer.status == status


async def test_links_name_the_configured_host_and_not_the_one_asked_for() -> None:
    http = client(SITE)
    answer = await http.get(
        "/autodiscover/autodiscover.json?Email=a@example.org&Protocol=AutodiscoverV1", "evil.example"
    )
    assert answer.json["Url"] == "https://mail.example.org/autodiscover/autodiscover.xml"
    assert "evil" not in (await http.get("/mail/config-v1.1.xml?emailaddress=a@example.org", "evil.example")).text


@pytest.mark.parametrize(
    "path", ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AUTODISCOVER/AUTODISCOVER.XML"]
)
async def test_autodiscover_is_found_in_any_case(path: str) -> None:
    body = REQUEST.format(address="alice@example.org", schema=OUTLOOK).encode()
    answer = await client(SITE).post(path, body[:50], body[50:])
    assert reading.autodiscover(answer.body) == {
        reading.Read("imap", "mail.example.org", 993, "TLS", "alice@example.org"),
        reading.Read("smtp", "smtp.example.org", 465, "TLS", "alice@example.org"),
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"nonsense", "600"),
        (REQUEST.format(address="nobody", schema=OUTLOOK).encode(), "600"),
        (REQUEST.format(address="a@example.org", schema=MOBILE).encode(), "601"),
        (REQUEST.format(address="a@example.net", schema=OUTLOOK).encode(), "500"),
    ],
)
async def test_autodiscover_says_no_in_its_own_words(body: bytes, code: str) -> None:
    answer = await client(SITE).post("/autodiscover/autodiscover.xml", body)
    assert (answer.status, f"<ErrorCode>{code}</ErrorCode>" in answer.text) == (200, True)


async def test_a_body_that_is_too_long_is_not_read_to_its_end() -> None:
    answer = await client(SITE).post("/autodiscover/autodiscover.xml", *[b"x" * 100] * 100_000)
    assert answer.status == 413


async def test_without_a_server_for_sending_no_profile_is_offered() -> None:
    assert (await client(SERVED).for_address("/mail.mobileconfig", "a@example.org")).status == 404
    assert "mobileconfig" not in (await client(SERVED).for_address("/", "a@example.org")).text


async def test_no_address_is_logged() -> None:
    events = Recorded()
    http = client(SITE, events)
    for path in ("/", "/mail.mobileconfig", "/autodiscover/autodiscover.json", "/nothing"):
        await http.for_address(path, "alice@example.org")
    await http.get("/Autodiscover/Autodiscover.json/v1.0/alice@example.org?Protocol=AutodiscoverV1")
    assert [each["event"] for each in events.seen] == ["web.request"] * 5
    assert "alice" not in repr(events.seen)


@pytest.mark.parametrize("text", ['"><script>x</script>', "a\u202e", "<b>&quot;"])
async def test_what_was_typed_wrongly_stays_in_its_field(text: str) -> None:
    page = reading.Page((await client(SITE).for_address("/", text)).text)
    (field,) = (attributes for tag, attributes in page.tags if tag == "input")
    assert field["value"] == (text if text.isprintable() else "")
    assert not any(tag in ("script", "b") for tag, _ in page.tags)
