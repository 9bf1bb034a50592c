"""HOST:PORT as people write it."""

from __future__ import annotations

import pytest

from pillarbox.config import AddressInvalid, format_address, parse_address
from pillarbox.net.settings import ListenAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9993", ListenAddress("127.0.0.1", 9993)),
        ("*:993", ListenAddress("*", 993)),
        ("[::1]:0", ListenAddress("::1", 0)),
        ("mail.example.org:65535", ListenAddress("mail.example.org", 65535)),
    ],
)
def test_an_address_reads_and_writes_the_same(text: str, address: ListenAddress) -> None:
    assert parse_address(text) == address
    assert format_address(address) == text


@pytest.mark.parametrize(
    "text",
    ["", "993", ":993", "host", "host:", "host:imaps", "::1:993", "[::1]", "[zz]:1", "h:65536", "h:9 93", "h:٩٩٣"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressInvalid):
        parse_address(text)
