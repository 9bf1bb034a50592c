"""Plans, and what happens when a firewall's program refuses."""

from __future__ import annotations

import shutil

import pytest

from pillarbox.firewall.detect import active, likely, named
from pillarbox.firewall.finding import Kind
from pillarbox.firewall.plan import carry_out, plan_closing, plan_opening
from pillarbox.firewall.programs import Answer, LocalPrograms
from pillarbox.firewall.request import Request, parse_request
from pillarbox.firewall.trouble import Conflict, FirewallTrouble, NotRoot, NotVerified, ProgramFailed, ProgramMissing
from tests.firewall.machines import ToldPrograms

SHUT = Answer(0, "-P INPUT DROP\n", "")
FIRST = "iptables -A INPUT -p tcp --dport 993 -j ACCEPT"
SECOND = "ip6tables -A INPUT -p tcp --dport 993 -j ACCEPT"


def shut(**further: Answer) -> ToldPrograms:
    return ToldPrograms({"iptables -S": SHUT, "ip6tables -S": SHUT, **further})


def test_who_is_not_root_is_told_to_use_sudo() -> None:
    with pytest.raises(NotRoot, match="sudo"):
        active(ToldPrograms(root="alice"))
    with pytest.raises(NotRoot, match="sudo"):
        named(Kind.IPTABLES, ToldPrograms(root="alice"))


def test_without_root_what_is_likely_is_told() -> None:
    programs = ToldPrograms(files={"/etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n"}, root="alice")
    assert likely(programs) == (Kind.UFW,)
    assert likely(ToldPrograms(root="alice")) == ()


def test_a_machine_without_firewall_programs_has_no_firewall() -> None:
    assert active(ToldPrograms(there=())) == ()
    with pytest.raises(ProgramMissing, match="apt-get install nftables"):
        named(Kind.NFTABLES, ToldPrograms(there=()))


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    with pytest.raises(ProgramMissing, match="nft is not installed; on Debian: apt-get install nftables"):
        LocalPrograms().ask("nft", "list", "ruleset")


def test_planning_runs_nothing_that_changes() -> None:
    programs = shut()
    plan = plan_opening(active(programs), Request(993))
    assert [step.text for step in plan.steps] == [FIRST, SECOND]
    assert set(programs.asked) == {"iptables -S", "ip6tables -S"}


def test_a_refusal_half_way_tells_what_was_done_and_how_to_undo_it() -> None:
    programs = shut(**{SECOND: Answer(3, "", "ip6tables: Permission denied\nmore\n")})
    firewalls = active(programs)
    with pytest.raises(ProgramFailed) as raised:
        carry_out(programs, firewalls, plan_opening(firewalls, Request(993)))
    text = str(raised.value)
    assert "ip6tables: Permission denied" in text
    assert f"Done before:\n  {FIRST}\n" in text
    assert "pillarbox firewall close --port 993 --apply" in text


def test_a_refusal_at_once_says_that_nothing_was_changed() -> None:
    programs = shut(**{FIRST: Answer(4, "", "Another app is currently holding the xtables lock.\n")})
    firewalls = active(programs)
    with pytest.raises(ProgramFailed, match=r"xtables lock.*nothing was changed"):
        carry_out(programs, firewalls, plan_opening(firewalls, Request(993)))


def test_a_rule_that_did_not_arrive_is_noticed() -> None:
    programs = shut()
    firewalls = active(programs)
    with pytest.raises(NotVerified, match="still blocks port 993"):
        carry_out(programs, firewalls, plan_opening(firewalls, Request(993)))


def test_a_rule_that_did_not_go_is_noticed() -> None:
    rule = "-A INPUT -p tcp -m tcp --dport 993 -j ACCEPT"
    programs = ToldPrograms({"iptables -S": Answer(0, f"-P INPUT DROP\n{rule}\n", ""), "ip6tables -S": SHUT})
    firewalls = active(programs)
    plan = plan_closing(firewalls, Request(993))
    assert [step.text for step in plan.steps] == ["iptables -D INPUT -p tcp -m tcp --dport 993 -j ACCEPT"]
    with pytest.raises(NotVerified, match="still has the rule"):
        carry_out(programs, firewalls, plan)


def test_a_rule_written_twice_is_removed_twice() -> None:
    rule = "-A INPUT -p tcp -m tcp --dport 993 -j ACCEPT\n"
    programs = ToldPrograms({"iptables -S": Answer(0, f"-P INPUT DROP\n{rule}{rule}", ""), "ip6tables -S": SHUT})
    assert len(plan_closing(active(programs), Request(993)).steps) == 2


def test_closing_leaves_wider_rules() -> None:
    rule = "-A INPUT -p tcp -m multiport --dports 143,993 -j ACCEPT\n"
    programs = ToldPrograms({"iptables -S": Answer(0, f"-P INPUT DROP\n{rule}", ""), "ip6tables -S": SHUT})
    assert plan_closing(active(programs), Request(993)).steps == ()


def test_a_machine_without_ipv6_is_opened_for_ipv4_and_says_so() -> None:
    programs = ToldPrograms({"iptables -S": SHUT, "ip6tables -S": Answer(3, "", "Address family not supported\n")})
    plan = plan_opening(active(programs), Request(993))
    assert [step.text for step in plan.steps] == [FIRST]
    assert "IPv6 can't be read" in plan.findings[0].remarks[0]


def test_what_cannot_be_read_is_not_called_open() -> None:
    programs = ToldPrograms({"iptables -S": SHUT, "ip6tables -S": Answer(3, "", "Address family not supported\n")})
    with pytest.raises(Conflict, match="IPv6 can't be read"):
        plan_opening(active(programs), parse_request(993, ("2001:db8::/32",)))


@pytest.mark.parametrize(
    "answer", [Answer(0, "[]", ""), Answer(0, "not json", ""), Answer(1, "", "Operation not permitted")]
)
def test_an_answer_that_makes_no_sense_is_told(answer: Answer) -> None:
    with pytest.raises(FirewallTrouble, match="nft -j list ruleset"):
        active(ToldPrograms({"nft -j list ruleset": answer}, there=("nft",)))


@pytest.mark.parametrize("listing", ["", "-P INPUT", '-P INPUT DROP\n-A INPUT --comment "half\n'])
def test_a_listing_that_makes_no_sense_is_told(listing: str) -> None:
    programs = ToldPrograms({"iptables -S": Answer(0, listing, "")})
    with pytest.raises(ProgramFailed, match="`iptables -S`"):
        plan_opening(named(Kind.IPTABLES, programs), Request(993))
