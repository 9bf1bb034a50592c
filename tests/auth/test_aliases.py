"""Aliases in the account database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from pillarbox.auth.directory import AccountDirectory, AccountMissing, Alias, AliasMissing
from pillarbox.auth.names import LoginNameInvalid, prepare_alias
from pillarbox.auth.schema import MIGRATIONS
from pillarbox.clock import HeldClock


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[AccountDirectory]:
    opened = AccountDirectory.open(tmp_path / "accounts.db", HeldClock())
    for name in ("alice", "bob"):
        opened.add(name, "hash")
    yield opened
    opened.close()


def led_to(directory: AccountDirectory, address: str) -> list[str]:
    return [account.login_name for account in directory.aliased(address)]


def test_an_alias_leads_to_every_account_that_it_was_given(directory: AccountDirectory) -> None:
    directory.add_alias("Info@Example.ORG", ["bob"])
    directory.add_alias("info@example.org", ["alice", "bob"])
    directory.add_alias("@example.org", ["alice"])
    assert led_to(directory, "info@example.org") == ["alice", "bob"]
    assert led_to(directory, "info") == []
    assert directory.aliases() == [Alias("@example.org", ("alice",)), Alias("info@example.org", ("alice", "bob"))]


def test_an_alias_to_nobody_is_refused_and_nothing_of_it_is_kept(directory: AccountDirectory) -> None:
    with pytest.raises(AccountMissing):
        directory.add_alias("info", ["alice", "carol"])
    assert directory.aliases() == []


def test_an_alias_goes_in_part_or_as_a_whole(directory: AccountDirectory) -> None:
    directory.add_alias("info", ["alice", "bob"])
    directory.remove_alias("info", ["alice"])
    assert led_to(directory, "info") == ["bob"]
    with pytest.raises(AliasMissing):
        directory.remove_alias("info", ["alice"])
    directory.remove_alias("info")
    with pytest.raises(AliasMissing):
        directory.remove_alias("info")


def test_a_removed_account_leaves_no_alias_behind(directory: AccountDirectory) -> None:
    directory.add_alias("info", ["alice", "bob"])
    directory.add_alias("sales", ["alice"])
    directory.remove("alice")
    assert directory.aliases() == [Alias("info", ("bob",))]


def test_a_database_from_before_aliases_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    connection = apsw.Connection(str(path))
    connection.execute(MIGRATIONS[0] + "PRAGMA user_version = 1").fetchall()
    connection.close()
    opened = AccountDirectory.open(path, HeldClock())
    opened.add("alice", "hash")
    opened.add_alias("info", ["alice"])
    assert led_to(opened, "info") == ["alice"]
    opened.close()


@pytest.mark.parametrize(("typed", "kept"), [("@", "@"), ("@Example.org", "@example.org"), ("INFO", "info")])
def test_an_alias_has_one_spelling(typed: str, kept: str) -> None:
    assert prepare_alias(typed) == kept


@pytest.mark.parametrize("typed", ["", "@-bad", "a b", "@@", "x@"])
def test_what_is_no_address_is_no_alias(typed: str) -> None:
    with pytest.raises(LoginNameInvalid):
        prepare_alias(typed)
