"""From addresses to accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import HeldClock
from pillarbox.delivery.addresses import AddressBook
from pillarbox.delivery.settings import DeliverySettings


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[AccountDirectory]:
    opened = AccountDirectory.open(tmp_path / "accounts.db", HeldClock())
    for name in ("alice", "bob@example.net", "plus+inside", "carol"):
        opened.add(name, "hash")
    opened.add_alias("info@example.org", ["alice", "carol"])
    opened.add_alias("carol", ["carol", "alice"])
    opened.add_alias("@example.net", ["bob@example.net"])
    yield opened
    opened.close()


HERE = DeliverySettings(domains=("example.org",))


@pytest.mark.parametrize(
    ("address", "names", "detail"),
    [
        ("alice@example.org", ["alice"], ""),
        ("ALICE@Example.ORG", ["alice"], ""),
        ("alice", ["alice"], ""),
        ("alice@example.com", [], ""),
        ("alice+Lists/x@example.org", ["alice"], "Lists/x"),
        ("alice+@example.org", ["alice"], ""),
        ("+lists@example.org", [], ""),
        ("plus+inside@example.org", ["plus+inside"], ""),
        ("plus+inside+more@example.org", [], ""),
        ("bob@example.net", ["bob@example.net"], ""),
        ("bob+x@example.net", ["bob@example.net"], "x"),
        ("anybody@example.net", ["bob@example.net"], ""),
        ("bob@example.org", [], ""),
        ("info+a@example.org", ["alice", "carol"], "a"),
        ("carol@example.org", ["alice", "carol"], ""),
        ("a b@example.org", [], ""),
        ("a b@example.net", ["bob@example.net"], ""),
        ("alice@", ["alice"], ""),
        ("@", [], ""),
        ("", [], ""),
    ],
)
def test_who_gets_mail_for_an_address(directory: AccountDirectory, address: str, names: list[str], detail: str) -> None:
    found = AddressBook(directory, HERE).find(address)
    assert ([each.login_name for each in found.addressees] if found else []) == names
    assert (found.detail if found else "") == detail


def test_without_domains_the_mail_server_in_front_decides(directory: AccountDirectory) -> None:
    book = AddressBook(directory, DeliverySettings())
    assert book.find("alice@anywhere.example") is not None
    assert book.find("nobody@anywhere.example") is None
    directory.add_alias("@", ["carol"])
    found = book.find("nobody@anywhere.example")
    assert found is not None
    assert [each.login_name for each in found.addressees] == ["carol"]


def test_the_separator_is_a_setting(directory: AccountDirectory) -> None:
    dashes = AddressBook(directory, DeliverySettings(separator="-="))
    found = dashes.find("alice=x-y@example.org")
    assert found is not None
    assert found.detail == "x-y"
    assert dashes.find("alice+x@example.org") is None
    assert AddressBook(directory, DeliverySettings(separator="")).find("alice+x") is None
