"""The commands as people write them by hand."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pillarbox.firewall.finding import Kind
from pillarbox.firewall.recipes import LASTING, Change, recipe
from pillarbox.firewall.request import Request

EVERYBODY = Request(993)
LIMITED = Request(993, (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))


def texts(kind: Kind, change: Change, request: Request, transport: str = "tcp") -> list[str]:
    return [step.text for step in recipe(kind, change, request, transport)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.UFW, ["ufw allow 993/tcp"]),
        (Kind.FIREWALLD, ["firewall-cmd --permanent --add-port=993/tcp && firewall-cmd --reload"]),
        (
            Kind.IPTABLES,
            ["iptables -A INPUT -p tcp --dport 993 -j ACCEPT", "ip6tables -A INPUT -p tcp --dport 993 -j ACCEPT"],
        ),
        (Kind.NFTABLES, ["nft add rule inet filter input tcp dport 993 accept"]),
    ],
)
def test_a_port_is_opened_for_everybody(kind: Kind, expected: list[str]) -> None:
    assert texts(kind, Change.OPEN, EVERYBODY) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Kind.UFW,
            [
                "ufw allow proto tcp from 192.0.2.0/24 to any port 993",
                "ufw allow proto tcp from 2001:db8::/32 to any port 993",
            ],
        ),
        (
            Kind.IPTABLES,
            [
                "iptables -A INPUT -p tcp -s 192.0.2.0/24 --dport 993 -j ACCEPT",
                "ip6tables -A INPUT -p tcp -s 2001:db8::/32 --dport 993 -j ACCEPT",
            ],
        ),
        (
            Kind.NFTABLES,
            [
                "nft add rule inet filter input ip saddr 192.0.2.0/24 tcp dport 993 accept",
                "nft add rule inet filter input ip6 saddr 2001:db8::/32 tcp dport 993 accept",
            ],
        ),
    ],
)
def test_networks_are_named_in_the_family_they_are_of(kind: Kind, expected: list[str]) -> None:
    assert texts(kind, Change.OPEN, LIMITED) == expected


def test_firewalld_reloads_once_for_several_networks() -> None:
    (text,) = texts(Kind.FIREWALLD, Change.OPEN, LIMITED)
    assert text.count("--reload") == 1
    assert text.endswith(" && firewall-cmd --reload")
    assert 'family="ipv6" source address="2001:db8::/32" port port="993" protocol="tcp" accept' in text


def test_closing_names_the_same_rule() -> None:
    assert texts(Kind.UFW, Change.CLOSE, EVERYBODY) == ["ufw delete allow 993/tcp"]
    assert texts(Kind.IPTABLES, Change.CLOSE, EVERYBODY)[0] == "iptables -D INPUT -p tcp --dport 993 -j ACCEPT"
    assert "--remove-port=993/tcp" in texts(Kind.FIREWALLD, Change.CLOSE, EVERYBODY)[0]
    assert "handle" in texts(Kind.NFTABLES, Change.CLOSE, EVERYBODY)[1]


@pytest.mark.parametrize("kind", Kind)
def test_udp_is_named_where_it_is_meant(kind: Kind) -> None:
    assert all("udp" in text for text in texts(kind, Change.OPEN, Request(53), "udp"))


@pytest.mark.parametrize("kind", Kind)
def test_it_is_told_what_a_restart_does(kind: Kind) -> None:
    assert max(len(line) for line in LASTING[kind].splitlines()) <= 78
