"""The real nft, with tables as people write them."""

from __future__ import annotations

from tests.firewall.real.machine import CLIENT_ADDRESSES, STRANGER_ADDRESSES, Cable

USUAL = """\
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        iifname "lo" accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport { 22, 80 } accept
    }
    chain forward { type filter hook forward priority filter; policy drop; }
}
"""
ENDING_IN_REJECT = """\
table inet filter {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 22 accept
        counter reject with icmpx admin-prohibited
    }
}
"""


def load(cable: Cable, rules: str) -> str:
    cable.server.run("nft", "-f", "-", stdin=rules)
    return listed(cable)


def listed(cable: Cable) -> str:
    return cable.server.run("nft", "--stateless", "list", "ruleset")


def test_a_port_is_opened_and_closed_for_both_families(cable: Cable) -> None:
    before = load(cable, USUAL)
    assert all(cable.is_kept_out(address) for address in CLIENT_ADDRESSES)

    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert (said.code, said.err) == (0, "")
    assert "\n  nft add rule inet filter input tcp dport 993 accept\n" in said.out
    assert "/etc/nftables.conf" in said.out
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(cable.is_kept_out(address, 8993) for address in CLIENT_ADDRESSES)
    once = listed(cable)
    assert cable.server.pillarbox("firewall", "open", "--apply", "--json").json["commands"] == []
    assert listed(cable) == once

    assert cable.server.pillarbox("firewall", "close", "--apply").code == 0
    assert all(cable.is_kept_out(address) for address in CLIENT_ADDRESSES)
    assert listed(cable) == before


def test_the_advice_on_keeping_rules_brings_them_back(cable: Cable) -> None:
    load(cable, USUAL)
    said = cable.server.pillarbox("firewall", "open", "--apply")
    start = said.out.index("(echo")
    command = said.out[start : said.out.index("&& systemctl")].replace("/etc/nftables.conf", "/run/nftables.conf")
    cable.server.run("/bin/sh", "-c", command)
    kept = listed(cable)
    cable.server.run("nft", "flush", "ruleset")
    for _ in range(2):  # loaded twice, rules are not there twice
        cable.server.run("nft", "-f", "/run/nftables.conf")
        assert listed(cable) == kept


def test_sources_limit_who_gets_in(cable: Cable) -> None:
    before = load(cable, USUAL)
    limited = ("--source", "10.77.0.0/24", "--source", "fd77::/64", "--apply")
    said = cable.server.pillarbox("firewall", "open", *limited, "--json")
    assert said.json["commands"] == [
        "nft add rule inet filter input ip saddr 10.77.0.0/24 tcp dport 993 accept",
        "nft add rule inet filter input ip6 saddr fd77::/64 tcp dport 993 accept",
    ]
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert all(cable.is_kept_out(address) for address in STRANGER_ADDRESSES)
    assert cable.server.pillarbox("firewall", "close", *limited).code == 0
    assert listed(cable) == before


def test_closing_one_network_leaves_the_others(cable: Cable) -> None:
    load(cable, USUAL)
    cable.server.pillarbox("firewall", "open", "--source", "10.77.0.0/24", "--source", "10.78.0.0/24", "--apply")
    assert cable.server.pillarbox("firewall", "close", "--source", "10.78.0.0/24", "--apply").code == 0
    assert cable.gets_in(CLIENT_ADDRESSES[0])
    assert cable.is_kept_out(STRANGER_ADDRESSES[0])


def test_the_rule_comes_before_one_that_rejects_everything(cable: Cable) -> None:
    before = load(cable, ENDING_IN_REJECT)
    assert all(cable.is_kept_out(address) for address in CLIENT_ADDRESSES)
    assert cable.server.pillarbox("firewall", "open", "--apply").code == 0
    assert all(cable.gets_in(address) for address in CLIENT_ADDRESSES)
    assert cable.server.pillarbox("firewall", "close", "--apply").code == 0
    assert listed(cable) == before


def test_a_limit_while_everybody_gets_in_is_a_conflict(cable: Cable) -> None:
    load(cable, USUAL)
    cable.server.pillarbox("firewall", "open", "--apply")
    before = listed(cable)
    said = cable.server.pillarbox("firewall", "open", "--source", "10.77.0.0/24", "--apply")
    assert said.code == 69
    assert "pillarbox firewall close --port 993 --apply" in said.err
    assert listed(cable) == before


def test_an_earlier_rule_that_blocks_the_port_is_a_conflict_and_its_remedy_works(cable: Cable) -> None:
    load(cable, USUAL)
    cable.server.run("nft", "add", "rule", "inet", "filter", "input", "tcp", "dport", "990-999", "drop")
    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert "tcp dport 990-999 drop" in said.err
    remedy = said.err.strip().splitlines()[-1].split()
    cable.server.run(*remedy)
    assert cable.server.pillarbox("firewall", "open", "--apply").code == 0
    assert cable.gets_in(CLIENT_ADDRESSES[0])


def test_a_chain_that_is_jumped_to_is_a_conflict_and_its_remedy_works(cable: Cable) -> None:
    load(cable, USUAL)
    cable.server.run("nft", "-f", "-", stdin="add chain inet filter more\nadd rule inet filter more drop\n")
    cable.server.run("nft", "add", "rule", "inet", "filter", "input", "jump", "more")
    before = listed(cable)
    said = cable.server.pillarbox("firewall", "open", "--apply")
    assert said.code == 69
    assert listed(cable) == before
    cable.server.run(*said.err.strip().splitlines()[-1].split())
    assert cable.gets_in(CLIENT_ADDRESSES[0])
    assert cable.server.pillarbox("firewall", "status", "--json").json["reach"] == "open"


def test_tables_for_one_family_get_a_rule_each(cable: Cable) -> None:
    for family in ("ip", "ip6"):
        cable.server.run("nft", "add", "table", family, "guard")
        cable.server.run(
            "nft", "add", "chain", family, "guard", "in", "{ type filter hook input priority 0; policy accept; }"
        )
        cable.server.run("nft", "add", "rule", family, "guard", "in", "tcp", "dport", "!=", "22", "reject")
        cable.server.run("nft", "add", "rule", family, "guard", "in", "meta", "l4proto", "tcp", "reject")
    before = listed(cable)
    # `!=` can't be judged here, and stays in force: the look afterwards tells what is known, the remark the rest.
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert [command.split()[:6] for command in said.json["commands"]] == [
        ["nft", "insert", "rule", family, "guard", "in"] for family in ("ip", "ip6")
    ]
    assert all("tcp dport != 22 reject" in each["remarks"][0] for each in said.json["firewalls"])
    assert cable.server.pillarbox("firewall", "close", "--apply").code == 0
    assert listed(cable) == before


def test_a_second_table_that_accepts_everything_is_left_alone(cable: Cable) -> None:
    load(cable, USUAL)
    cable.server.run("nft", "-f", "-", stdin="""\
table inet bans {
    set guests { type ipv4_addr; }
    chain in { type filter hook input priority -1; policy accept; ip saddr @guests drop; }
}
""")  # fmt: skip
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == ["nft add rule inet filter input tcp dport 993 accept"]
    assert cable.gets_in(CLIENT_ADDRESSES[0])


def test_a_table_that_only_looks_like_one_of_iptables_is_opened_with_nft(cable: Cable) -> None:
    before = load(cable, """\
table ip filter {
    set friends { type ipv4_addr; }
    chain INPUT { type filter hook input priority filter; policy drop; ip saddr @friends accept; }
}
""")  # fmt: skip
    # iptables lists the rule with the set as one that accepts everything.
    assert "-A INPUT -j ACCEPT" in cable.server.run("iptables", "-S")
    said = cable.server.pillarbox("firewall", "open", "--apply", "--json")
    assert said.json["commands"] == ["nft add rule ip filter INPUT tcp dport 993 accept"]
    assert cable.gets_in(CLIENT_ADDRESSES[0])
    assert cable.server.pillarbox("firewall", "close", "--apply").code == 0
    assert listed(cable) == before
