"""Listings of iptables, read and decided without a kernel."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network

import pytest

from pillarbox.firewall.iptables import parse_chains
from pillarbox.firewall.rules import Decision, Verdict, decide

EVERYBODY = IPv4Network("0.0.0.0/0")


def decision(rules: str, source: str = "0.0.0.0/0") -> Decision:
    listing = "-P INPUT DROP\n" + "".join(f"{line}\n" for line in rules.split("; ") if line)
    return decide(parse_chains(listing, 4), "INPUT", 993, ip_network(source))


@pytest.mark.parametrize(
    "rules",
    [
        "-A INPUT -p tcp -m tcp --dport 993 -j ACCEPT",
        "-A INPUT -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 25,990:995 -j ACCEPT",
        '-A INPUT -p tcp -m tcp --dport 993 -m comment --comment "let -j DROP in" -j ACCEPT',
        "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 993 -j ACCEPT",
        "-N mail; -A INPUT -j LOG; -A INPUT -p tcp -j mail; -A mail -p tcp -m tcp --dport 993 -j ACCEPT",
        "-A INPUT -p udp -j DROP; -A INPUT -p tcp -m tcp --dport 22 -j DROP; -A INPUT -j ACCEPT",
        "-A INPUT -m conntrack --ctstate INVALID -j DROP; -A INPUT -j ACCEPT",
        "-N x; -A x -p tcp -j RETURN; -A x -j DROP; -A INPUT -j x; -A INPUT -j ACCEPT",
    ],
)
def test_what_lets_everybody_in_is_seen(rules: str) -> None:
    assert decision(rules).verdict is Verdict.ACCEPT


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -p udp -m udp --dport 993 -j ACCEPT",
        "-A INPUT -p tcp -m tcp ! --dport 993 -j ACCEPT",
        "-A INPUT ! -s 10.2.3.4/32 -j ACCEPT",
        "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 993 -j ACCEPT",
        "-A INPUT -p tcp -m set --match-set friends src -m tcp --dport 993 -j ACCEPT",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 993 -j DROP; -A INPUT -p tcp -m tcp --dport 993 -j ACCEPT",
        "-N x; -A INPUT -g x; -A INPUT -j ACCEPT",
        "-N x; -A x -j x; -A INPUT -j x",
        "-A INPUT -d 192.0.2.1/32 -p tcp -m tcp --dport 993 -j ACCEPT",
    ],
)
def test_what_does_not_let_everybody_in_is_never_called_open(rules: str) -> None:
    assert decision(rules).verdict is Verdict.BLOCK


def test_a_network_within_a_rules_network_gets_in() -> None:
    rule = "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 993 -j ACCEPT"
    assert decision(rule, "10.1.0.0/16").verdict is Verdict.ACCEPT
    assert decision(rule, "0.0.0.0/0").verdict is Verdict.BLOCK
    assert decision(rule, "11.0.0.0/8").verdict is Verdict.BLOCK


def test_a_blocking_rule_that_touches_some_is_told() -> None:
    found = decision("-A INPUT -s 10.9.0.0/16 -j DROP; -A INPUT -j ACCEPT")
    assert [rule.text for rule in found.doubts] == ["-A INPUT -s 10.9.0.0/16 -j DROP"]
