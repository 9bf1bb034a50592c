"""Ports and networks as people type them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pillarbox.firewall.request import EVERYBODY, Request, RequestInvalid, parse_request


def test_without_a_network_everybody_is_meant() -> None:
    assert parse_request(993, ()) == Request(993, EVERYBODY)


def test_a_single_address_is_a_network_of_one() -> None:
    assert parse_request(1, ("192.0.2.7", "2001:db8::7")).sources == (
        ip_network("192.0.2.7/32"),
        ip_network("2001:db8::7/128"),
    )


def test_a_network_named_twice_counts_once() -> None:
    assert len(parse_request(993, ("192.0.2.0/24", " 192.0.2.0/24")).sources) == 1


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("mail.example.org", "no network"),
        ("", "no network"),
        ("300.1.1.1", "no network"),
        ("192.0.2.0/33", "no network"),
        ("192.0.2.0/24; reboot", "no network"),
        ("--help", "no network"),
    ],
)
def test_what_is_no_network_is_refused_with_a_hint(typed: str, hint: str) -> None:
    with pytest.raises(RequestInvalid, match=hint):
        parse_request(993, (typed,))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(RequestInvalid, match="1 to 65535"):
        parse_request(port, ())
