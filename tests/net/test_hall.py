"""Counting addresses."""

import pytest

from pillarbox.net.hall import network_of, plain_address


def test_ipv6_addresses_of_one_64_network_count_as_one() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")


def test_ipv4_addresses_count_each() -> None:
    assert network_of("192.0.2.1") != network_of("192.0.2.2")


@pytest.mark.parametrize(
    ("raw_address", "address"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("::1", "::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_addresses_are_shown_plainly(raw_address: str, address: str) -> None:
    assert plain_address(raw_address) == address
