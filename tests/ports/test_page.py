"""What `pillarbox port` shows."""

from __future__ import annotations

import re

import pytest

from pillarbox.cli.exits import ExitCode
from pillarbox.ports.reference import load_reference
from tests.cli.commands import run

HEADINGS = ("Common uses", "Security", "Related ports", "Try it", "Open it in this machine's firewall", "See also")


@pytest.mark.parametrize("what", ["993", "imaps", "993/tcp"])
def test_a_page_has_everything(what: str) -> None:
    said = run("port", what, "--host", "imap.example.net")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[:2] == ["993/tcp  imaps (also imap4s)", "Reading mail, TLS from the first byte"]
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    for command in (
        "nc -zv imap.example.net 993",
        "pillarbox firewall open --port 993",
        "ufw allow 993/tcp",
        "firewall-cmd --permanent --add-port=993/tcp && firewall-cmd --reload",
        "nft add rule inet filter input tcp dport 993 accept",
        "iptables -A INPUT -p tcp --dport 993 -j ACCEPT",
        "ip6tables -A INPUT -p tcp --dport 993 -j ACCEPT",
    ):
        assert f"  {command}" in lines


def test_pages_fit_80_columns_apart_from_commands_and_need_no_colour() -> None:
    for number in (993, 53, 51820, 9100):
        said = run("port", str(number))
        assert "\x1b" not in said.out
        commands = said.out[said.out.index("Try it") : said.out.index("See also")]
        assert all(len(line) <= 80 for line in said.out.replace(commands, "").splitlines())


def test_udp_is_opened_where_it_is_used() -> None:
    assert "ufw allow 53/udp" in run("port", "53").out
    wireguard = run("port", "51820").out
    assert "51820/tcp" not in wireguard
    assert "pillarbox firewall" not in wireguard
    assert "IANA has no service of this name" in wireguard


def test_json_has_everything() -> None:
    found = run("port", "imaps", "--json").json
    assert (found["port"], found["name"], found["transports"], found["group"]) == (993, "imaps", ["tcp"], "mail")
    assert "ufw allow 993/tcp" in found["firewall_commands"]
    assert all(found[key] for key in ("purpose", "uses", "security", "related", "test_commands", "references"))


def test_the_list_is_all_of_them_or_what_a_search_finds() -> None:
    everything = run("port", "list").out
    assert len(everything.splitlines()) == len(load_reference().ports)
    assert run("port").out == everything
    found = run("port", "list", "--search", "mail").out
    assert "993/tcp\timaps\tReading mail, TLS from the first byte\n" in found
    assert len(found) < len(everything)
    assert [each["port"] for each in run("port", "list", "--search", "managesieve", "--json").json] == [4190]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("port", "imasp"), r"993/tcp +imaps"),
        (("port", "994"), r"993/tcp  imaps(.|\n)*995/tcp  pop3s(.|\n)*ss -tulpn 'sport = :994'"),
        (("port", "60000"), r"handed out for the time of a connection"),
        (("port", "70000"), r"ports go from 1 to 65535"),
        (("port", "list", "--search", "zzz"), r"mail"),
        (("port", "993", "--host", "x;rm"), r"no host name"),
        (("port", "²"), r"no port here is called"),
    ],
)
def test_what_is_unknown_is_answered_with_help(words: tuple[str, ...], hint: str) -> None:
    said = run(*words)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert re.search(hint, said.err)
    assert "Traceback" not in said.err
    assert all(len(line) <= 80 for line in said.err.splitlines())


@pytest.mark.parametrize("command", [("port",), ("port", "list")], ids=" ".join)
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"\n pillarbox {' '.join(command)}" in said.out
