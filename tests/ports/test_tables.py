"""The tables: complete, in order, and of one piece."""

from __future__ import annotations

import re

import pytest

from pillarbox.ports.reference import Port, load_reference, read_tables

PORTS = load_reference().ports
MAIL = {24, 25, 109, 110, 143, 209, 220, 366, 465, 587, 628, 993, 995, 2525, 4190}
MET = {22, 53, 80, 88, 389, 443, 445, 636, 853, 1194, 3306, 3389, 5060, 5432, 1883, 161, 514, 6379, 51820}


@pytest.fixture(params=PORTS, ids=lambda port: str(port.number))
def port(request: pytest.FixtureRequest) -> Port:
    return request.param


def test_there_are_the_ports_that_people_meet() -> None:
    numbers = {port.number for port in PORTS}
    assert len(numbers) >= 60
    assert numbers >= MAIL | MET
    assert {port.number for port in PORTS if port.group == "mail"} >= MAIL


def test_every_number_stands_in_one_table_once() -> None:
    numbers = [port.number for port in PORTS]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("group", "ports"), read_tables(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_table_is_sorted(group: str, ports: list[Port]) -> None:
    numbers = [port.number for port in ports]
    assert numbers == sorted(numbers), group


def test_every_name_and_alias_leads_to_one_port() -> None:
    names = [name.lower() for port in PORTS for name in (port.name, *port.aliases)]
    assert sorted(names) == sorted(set(names))


def test_every_entry_is_complete(port: Port) -> None:
    assert 1 <= port.number <= 65535
    assert port.transports in (("tcp",), ("udp",), ("tcp", "udp"))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", port.name)
    assert port.title
    assert port.purpose.endswith(".")
    assert port.uses
    assert port.security
    assert port.references
    for text in port.security:
        assert text.endswith(".")
    for text in (port.title, *port.uses):
        assert not text.endswith(".")


def test_every_related_port_is_in_the_reference(port: Port) -> None:
    numbers = {each.number for each in PORTS}
    assert port.related
    assert set(port.related) <= numbers - {port.number}
    assert list(port.related) == sorted(set(port.related))


def test_every_entry_has_a_command_of_its_own_to_try_it(port: Port) -> None:
    assert port.tests
    for text in port.tests:
        assert "{host}" in text or "# " in text or "REALM" in text or text.startswith("avahi")
        assert not re.search(r"\{(?!host\})[a-z]", text)


def test_titles_fit_a_table_of_80_columns(port: Port) -> None:
    assert len(port.title) <= 51
    assert len(f"{port.label:13}  {port.name:14}  {port.title}") <= 80
