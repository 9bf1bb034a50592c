"""The real iptables and ip6tables, in both of their kinds."""

from __future__ import annotations

import pytest

from tests.firewall.real.machine import CLIENT_ADDRESSES, STRANGER_ADDRESSES, Cable

PAIRS = [("iptables", "ip6tables"), ("iptables-legacy", "ip6tables-legacy")]
USUAL = (
    ("-A", "INPUT", "-i", "lo", "-j", "ACCEPT"),
    ("-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"),
    ("-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT"),
)


@pytest.fixture(params=PAIRS, ids=lambda pair: pair[0])
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


def rules(cable: Cable, pair: tuple[str, str]) -> str:
    return "".join(cable.server.run(program, "-S") for program in pair)


def shut_by_policy(cable: Cable, pair: tuple[str, str]) -> None:
    for program in pair:
        for rule in USUAL:
            cable.server.run(program, *rule)
        if program.startswith("ip6"):  # neighbours are found by ICMPv6
            cable.server.run(program, "-A", "INPUT", "-p", "ipv6-icmp", "-j", "ACCEPT")
        cable.server.run(program, "-P", "INPUT", "DROP")


def test_a_port_is_opened_and_closed_for_both_families(cable: Cable, pair: tuple[str, str]) -> None:
    shut_by_policy(cable, pair)
    before = rules(cable, pair)
    assert all(cable.is_kept_out(address) for address in CLIENT_ADDRESSES)

    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert (said.code, said.err) == (0, "")
    for program in pair:
        assert f"\n  {program} -A INPUT -p tcp --dport 993 -j ACCEPT\n" in said.out
    assert "open for everybody" in said.out
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(cable.is_kept_out(address, 8993) for address in CLIENT_ADDRESSES)

    said = cable.server.pillarbox("firewall", "close", "--apply")
    assert (said.code, said.err) == (0, "")
    assert all(cable.is_kept_out(address) for address in CLIENT_ADDRESSES)
    assert rules(cable, pair) == before


def test_opening_twice_adds_one_rule(cable: Cable, pair: tuple[str, str]) -> None:
    shut_by_policy(cable, pair)
    cable.server.pillarbox("firewall", "open", "--apply")
    once = rules(cable, pair)
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == []
    assert (said.json["before"], said.json["after"]) == ("open", "open")
    assert rules(cable, pair) == once


def test_a_dry_run_changes_nothing(cable: Cable, pair: tuple[str, str]) -> None:
    shut_by_policy(cable, pair)
    before = rules(cable, pair)
    said = cable.server.pillarbox("firewall", "open")
    assert said.code == 0
    assert "Nothing was changed." in said.out
    assert "iptables-save > /etc/iptables/rules.v4" in said.out
    assert rules(cable, pair) == before


def test_sources_limit_who_gets_in(cable: Cable, pair: tuple[str, str]) -> None:
    shut_by_policy(cable, pair)
    before = rules(cable, pair)
    limited = ("--source", "10.77.0.0/24", "--source", "fd77::/64", "--apply")
    assert cable.server.pillarbox("firewall", "open", *limited).code == 0
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(cable.is_kept_out(address) for address in STRANGER_ADDRESSES)
    assert cable.server.pillarbox("firewall", "status", "--json").json["reach"] == "partly open"
    assert cable.server.pillarbox("firewall", "close", *limited).code == 0
    assert rules(cable, pair) == before


def test_the_rule_comes_before_one_that_rejects_everything(cable: Cable, pair: tuple[str, str]) -> None:
    for program in pair:
        for rule in USUAL:
            cable.server.run(program, *rule)
    cable.server.run(pair[0], "-A", "INPUT", "-j", "REJECT")
    cable.server.run(pair[1], "-A", "INPUT", "-p", "tcp", "-j", "REJECT")
    before = rules(cable, pair)
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == [f"{program} -I INPUT 4 -p tcp --dport 993 -j ACCEPT" for program in pair]
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert cable.server.pillarbox("firewall", "close", "--apply").code == 0
    assert rules(cable, pair) == before


def test_an_earlier_rule_that_blocks_the_port_is_a_conflict(cable: Cable, pair: tuple[str, str]) -> None:
    shut_by_policy(cable, pair)
    cable.server.run(pair[0], "-A", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", "110,993", "-j", "DROP")
    before = rules(cable, pair)
    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert f"{pair[0]} -D INPUT -p tcp -m multiport --dports 110,993 -j DROP" in said.err
    assert rules(cable, pair) == before


def test_a_family_that_is_open_is_left_alone(cable: Cable, pair: tuple[str, str]) -> None:
    cable.server.run(pair[0], "-P", "INPUT", "DROP")
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == [f"{pair[0]} -A INPUT -p tcp --dport 993 -j ACCEPT"]


def test_both_kinds_in_force_are_both_opened(cable: Cable) -> None:
    cable.server.run("iptables", "-P", "INPUT", "DROP")
    cable.server.run("iptables-legacy", "-P", "INPUT", "DROP")
    cable.server.run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "993", "-j", "ACCEPT")
    assert cable.is_kept_out(CLIENT_ADDRESSES[0])
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == ["iptables-legacy -A INPUT -p tcp --dport 993 -j ACCEPT"]
    assert cable.gets_in(CLIENT_ADDRESSES[0])
