"""Addresses as people type them, and what the settings leave open."""

from __future__ import annotations

import dataclasses

import pytest

from pillarbox.web.client_settings import AddressUnusable, SetupInvalid, make_site, parse_address
from pillarbox.web.settings import ClientSetupSettings
from tests.web.sites import NASTY, SITE, STARTTLS


@pytest.mark.parametrize(
    ("typed", "local_part", "domain"),
    [
        ("alice@example.org", "alice", "example.org"),
        (" Alice@Example.ORG. ", "Alice", "example.org"),
        ('"a@b"@example.org', '"a@b"', "example.org"),
        ("anna@MÜNCHEN.example", "anna", "xn--mnchen-3ya.example"),
        ("x@localhost", "x", "localhost"),
    ],
)
def test_an_address_is_taken_apart_at_its_last_at(typed: str, local_part: str, domain: str) -> None:
    address = parse_address(typed)
    assert (address.text, address.local_part, address.domain) == (typed.strip(), local_part, domain)


@pytest.mark.parametrize(
    "typed",
    ["", "@", "alice", "alice@", "@example.org", "a\nb@example.org", "a\0@example.org", "a@b c", "a@..", "a@-b-.org",
     "a@" + "x" * 64 + ".org", "a" * 250 + "@example.org", "a\ud800@example.org", "a\u2028@example.org", "a@exa<mple"],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(AddressUnusable):
        parse_address(typed)


@pytest.mark.parametrize("text", NASTY)
def test_unusual_local_parts_are_no_reason_to_refuse(text: str) -> None:
    assert parse_address(text).text == text


def test_what_people_type_as_user_name_follows_the_setting() -> None:
    alice = parse_address("alice@example.org")
    whole, short = SITE.of_address(alice), STARTTLS.of_address(alice)
    assert whole is not None
    assert short is not None
    assert (whole.user_name(alice), short.user_name(alice)) == ("alice@example.org", "alice")


def test_only_served_domains_have_settings() -> None:
    assert SITE.of_address(parse_address("eve@example.net")) is None
    anywhere = dataclasses.replace(SITE, domains=()).of_address(parse_address("eve@example.net"))
    assert anywhere is not None
    assert (anywhere.domain, anywhere.display_name) == ("example.net", "Mail at example.net")


def test_what_is_left_open_is_taken_from_the_server() -> None:
    site = make_site(ClientSetupSettings(domains=("Example.org", "example.org")), "host.example", 9993, None)
    assert (site.domains, str(site.imap), site.smtp, site.web_url) == (
        ("example.org",), "host.example:9993", None, None,
    )  # fmt: skip
    named = make_site(ClientSetupSettings(web_host="2001:db8::1"), "host.example", 993, 8443)
    assert named.web_url == "https://[2001:db8::1]:8443"


@pytest.mark.parametrize(
    ("setup", "key"),
    [
        (ClientSetupSettings(domains=("not a domain",)), "domains"),
        (ClientSetupSettings(imap_host="mail..example"), "imap_host"),
        (ClientSetupSettings(smtp_host="<x>"), "smtp_host"),
        (ClientSetupSettings(smtp_host="smtp.example.org", smtp_port=70_000), "smtp_port"),
        (ClientSetupSettings(imap_port=70_000), "imap_port"),
        (ClientSetupSettings(web_host="a/b"), "web_host"),
        (ClientSetupSettings(display_name="a\x1b[2J"), "display_name"),
    ],
)
def test_a_setting_that_no_program_could_use_is_named(setup: ClientSetupSettings, key: str) -> None:
    with pytest.raises(SetupInvalid, match=f"client_setup.{key}"):
        make_site(setup, "host.example", 993, 443)
