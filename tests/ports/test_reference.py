"""Looking ports up, and the commands that try them."""

from __future__ import annotations

import pytest

from pillarbox.ports.commands import HostInvalid, check_host, trial_commands
from pillarbox.ports.reference import Port, load_reference

REFERENCE = load_reference()


def numbered(number: int) -> Port:
    port = REFERENCE.numbered(number)
    assert port is not None
    return port


@pytest.mark.parametrize(
    ("name", "number"), [("imaps", 993), ("IMAPS", 993), ("smtps", 465), ("rdp", 3389), ("xmlipcregsvc", 9092)]
)
def test_a_name_or_alias_in_any_case_finds_its_port(name: str, number: int) -> None:
    assert REFERENCE.named(name) is numbered(number)


def test_what_is_not_there_is_not_found() -> None:
    assert REFERENCE.named("nonsense") is None
    assert REFERENCE.numbered(994) is None


def test_near_names_are_suggested_best_first() -> None:
    assert REFERENCE.near_name("imasp")[0].number in (143, 993)
    assert 5432 in [port.number for port in REFERENCE.near_name("postgress")]
    assert 4190 in [port.number for port in REFERENCE.near_name("holidays")]
    assert len(REFERENCE.near_name("tcp")) <= 5


def test_near_numbers_are_the_neighbours() -> None:
    assert [port.number for port in REFERENCE.near_number(994)] == [993, 995]
    assert [port.number for port in REFERENCE.near_number(1)] == [20]
    assert [port.number for port in REFERENCE.near_number(65000)] == [51820]


def test_a_search_finds_all_words_anywhere() -> None:
    found = [port.number for port in REFERENCE.search("Mail TLS")]
    assert {465, 993, 995} <= set(found)
    assert 53 not in found
    assert found == sorted(found)
    assert REFERENCE.search("no such thing") == ()
    assert REFERENCE.search("") == REFERENCE.ports


def test_commands_name_the_host() -> None:
    commands = trial_commands(numbered(993), "imap.example.net")
    assert commands[0] == "nc -zv imap.example.net 993"
    assert "openssl s_client -connect imap.example.net:993 -servername imap.example.net -crlf" in commands
    assert not any("{" in command for command in commands)


def test_addresses_are_bracketed_where_a_port_follows_and_sent_as_no_server_name() -> None:
    commands = trial_commands(numbered(993), "2001:db8::1")
    assert "nc -zv 2001:db8::1 993" in commands
    assert "openssl s_client -connect [2001:db8::1]:993 -crlf" in commands
    assert "curl -v imaps://[2001:db8::1]" in commands


@pytest.mark.parametrize("host", ["mail.example.org", "192.0.2.1", "::1", "[2001:db8::1]", "a-b_c.example"])
def test_hosts_are_taken(host: str) -> None:
    assert check_host(host) == host.strip("[]")


@pytest.mark.parametrize("host", ["", "a b", "x;rm", "$(reboot)", "`id`", "a\nb", "-x", "a/b", "'", "x" * 300, "a|b"])
def test_what_could_bring_a_command_along_is_no_host(host: str) -> None:
    with pytest.raises(HostInvalid):
        check_host(host)
