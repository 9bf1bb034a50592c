"""The real firewalld, on a system bus of the test's own."""

from __future__ import annotations

import pytest

from tests.firewall.real.machine import CLIENT_ADDRESSES, STRANGER_ADDRESSES, Cable, find

ATTEMPTS = 200


@pytest.fixture
def guarded(cable: Cable) -> Cable:
    cable.server.run("/bin/mkdir", "-p", "/run/dbus")
    bus = cable.server.start("dbus-daemon", "--system", "--nofork", "--nopidfile", "--print-address")
    assert bus.stdout is not None
    assert bus.stdout.readline() != "", "dbus-daemon did not start"
    daemon = cable.server.start("firewalld", "--nofork", "--nopid")
    find("firewall-cmd")
    for _ in range(ATTEMPTS):  # each attempt takes a quarter of a second of Python starting
        if cable.server.attempt("firewall-cmd", "--state").code == 0:
            return cable
        assert daemon.poll() is None, "firewalld ended at once"
    pytest.fail("firewalld did not get ready")


def kept(cable: Cable) -> list[str]:
    zone = cable.server.run("firewall-cmd", "--permanent", "--list-all")
    return [zone, cable.server.run("firewall-cmd", "--list-all"), cable.server.run("nft", "-s", "list", "ruleset")]


def test_a_port_is_opened_and_closed_for_both_families(guarded: Cable) -> None:
    before = kept(guarded)
    assert all(guarded.is_kept_out(address) for address in CLIENT_ADDRESSES)

    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert (said.code, said.err) == (0, "")
    assert "\n  firewall-cmd --permanent --add-port=993/tcp && firewall-cmd --reload\n" in said.out
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(guarded.is_kept_out(address, 8993) for address in CLIENT_ADDRESSES)
    assert guarded.server.pillarbox("firewall", "open", "--apply", "--json").json["commands"] == []

    assert guarded.server.pillarbox("firewall", "close", "--apply").code == 0
    assert all(guarded.is_kept_out(address) for address in CLIENT_ADDRESSES)
    assert kept(guarded) == before


def test_sources_limit_who_gets_in(guarded: Cable) -> None:
    before = kept(guarded)
    limited = ("--source", "10.77.0.0/24", "--source", "fd77::/64", "--apply")
    said = guarded.server.pillarbox("firewall", "open", *limited, "--json")
    assert len(said.json["commands"]) == 1
    assert said.json["commands"][0].count("--reload") == 1
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(guarded.is_kept_out(address) for address in STRANGER_ADDRESSES)
    assert guarded.server.pillarbox("firewall", "close", *limited).code == 0
    assert kept(guarded) == before


def test_a_rich_rule_that_blocks_the_port_is_a_conflict_and_its_remedy_works(guarded: Cable) -> None:
    rule = 'rule port port="993" protocol="tcp" reject'
    guarded.server.run("firewall-cmd", "--permanent", f"--add-rich-rule={rule}")
    guarded.server.run("firewall-cmd", "--reload")
    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert rule in said.err
    guarded.server.run("/bin/sh", "-c", said.err.strip().splitlines()[-1])
    assert guarded.server.pillarbox("firewall", "open", "--apply").code == 0
    assert guarded.gets_in(CLIENT_ADDRESSES[0])


def test_a_service_by_hand_is_recognised_and_rules_not_kept_are_told(guarded: Cable) -> None:
    before = kept(guarded)
    guarded.server.run("firewall-cmd", "--add-service=imaps")
    status = guarded.server.pillarbox("firewall", "status", "--json").json
    assert (status["reach"], status["firewalls"][0]["rules"]) == ("open", ["service imaps"])
    assert "not permanent" in status["firewalls"][0]["remarks"][0]
    # In force, but gone after a restart: opening makes it last.
    said = guarded.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == ["firewall-cmd --permanent --add-port=993/tcp && firewall-cmd --reload"]
    assert guarded.server.pillarbox("firewall", "close", "--apply").code == 0
    assert kept(guarded) == before


def test_panic_mode_is_told(guarded: Cable) -> None:
    guarded.server.run("firewall-cmd", "--panic-on")
    said = guarded.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert "firewall-cmd --panic-off" in said.err


def test_the_iptables_backend_is_not_taken_for_another_firewall(guarded: Cable) -> None:
    guarded.server.run(
        "/bin/sed", "-i", "s/^FirewallBackend=.*/FirewallBackend=iptables/", "/etc/firewalld/firewalld.conf"
    )
    guarded.server.run("firewall-cmd", "--complete-reload")
    said = guarded.server.pillarbox("firewall", "open", "--apply", "--json")
    assert [each["kind"] for each in said.json["firewalls"]] == ["firewalld"]
    assert all(guarded.gets_in(address) for address in CLIENT_ADDRESSES)
