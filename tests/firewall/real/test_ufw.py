"""The real ufw, with its rules in a folder of the test's own."""

from __future__ import annotations

import pytest

from tests.firewall.real.machine import CLIENT_ADDRESSES, STRANGER_ADDRESSES, Cable

FILES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")


@pytest.fixture
def guarded(cable: Cable) -> Cable:
    cable.server.run("ufw", "allow", "22/tcp")
    cable.server.run("ufw", "--force", "enable")
    return cable


def kept(cable: Cable) -> list[str]:
    return [cable.server.run("/bin/cat", path) for path in FILES] + [cable.server.run("ufw", "status", "numbered")]


def test_a_port_is_opened_and_closed_for_both_families(guarded: Cable) -> None:
    before = kept(guarded)
    assert all(guarded.is_kept_out(address) for address in CLIENT_ADDRESSES)

    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert (said.code, said.err) == (0, "")
    assert "\n  ufw allow 993/tcp\n" in said.out
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(guarded.is_kept_out(address, 8993) for address in CLIENT_ADDRESSES)
    once = kept(guarded)
    assert guarded.server.pillarbox("firewall", "open", "--apply", "--json").json["commands"] == []
    assert kept(guarded) == once

    said = guarded.server.pillarbox("firewall", "close", "--apply")
    assert "\n  ufw delete allow 993/tcp\n" in said.out
    assert all(guarded.is_kept_out(address) for address in CLIENT_ADDRESSES)
    assert kept(guarded) == before


def test_sources_limit_who_gets_in(guarded: Cable) -> None:
    before = kept(guarded)
    limited = ("--source", "10.77.0.0/24", "--source", "fd77::/64", "--apply")
    said = guarded.server.pillarbox("firewall", "open", *limited, "--json")
    assert said.json["commands"] == [
        "ufw allow proto tcp from 10.77.0.0/24 to any port 993",
        "ufw allow proto tcp from fd77::/64 to any port 993",
    ]
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(guarded.is_kept_out(address) for address in STRANGER_ADDRESSES)
    assert guarded.server.pillarbox("firewall", "close", "--apply").code == 0
    assert kept(guarded) == before


def test_one_family_alone_can_be_opened_and_closed(guarded: Cable) -> None:
    before = kept(guarded)
    assert guarded.server.pillarbox("firewall", "open", "--source", "0.0.0.0/0", "--apply").code == 0
    assert guarded.gets_in(CLIENT_ADDRESSES[0])
    assert guarded.is_kept_out(CLIENT_ADDRESSES[1])
    assert guarded.server.pillarbox("firewall", "close", "--source", "0.0.0.0/0", "--apply").code == 0
    assert kept(guarded) == before


@pytest.mark.parametrize("rule", ["deny 993/tcp", "reject 900:1000/tcp", "deny 993"])
def test_a_rule_that_blocks_the_port_is_a_conflict_and_its_remedy_works(guarded: Cable, rule: str) -> None:
    guarded.server.run("ufw", *rule.split())
    before = kept(guarded)
    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert kept(guarded) == before
    remedy = said.err.strip().splitlines()[-1].strip()
    assert remedy == f"ufw delete {rule}"
    guarded.server.run(*remedy.split())
    assert guarded.server.pillarbox("firewall", "open", "--apply").code == 0
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)


def test_a_rule_put_before_ufw_with_iptables_is_a_conflict(guarded: Cable) -> None:
    guarded.server.run("iptables", "-I", "INPUT", "-p", "tcp", "--dport", "993", "-j", "DROP")
    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert "iptables -D INPUT -p tcp -m tcp --dport 993 -j DROP" in said.err


def test_a_network_that_is_denied_stays_out(guarded: Cable) -> None:
    guarded.server.run("ufw", "deny", "from", "10.78.0.0/24")
    said = guarded.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["after"] == "open"
    assert "ufw deny from 10.78.0.0/24 to any" in said.json["firewalls"][0]["remarks"][0]
    assert guarded.gets_in(CLIENT_ADDRESSES[0])
    assert guarded.is_kept_out(STRANGER_ADDRESSES[0])


def test_rules_by_hand_are_recognised(guarded: Cable) -> None:
    before = kept(guarded)
    guarded.server.run("ufw", "limit", "993/tcp", "comment", "by hand")
    assert guarded.server.pillarbox("firewall", "status", "--json").json["reach"] == "open"
    assert guarded.server.pillarbox("firewall", "close", "--apply").code == 0
    assert kept(guarded) == before


def test_ufw_that_is_only_installed_is_not_active(cable: Cable) -> None:
    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 0
    assert "No firewall is active" in said.out
    assert cable.server.pillarbox("firewall", "open", "--source", "10.0.0.0/8", "--apply").code == 69
