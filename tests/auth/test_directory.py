"""The account database: its rules, its file, and several processes at once."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from pillarbox.auth.directory import AccountDirectory, AccountExists, AccountMissing, DirectoryUnavailable
from pillarbox.auth.names import LoginNameInvalid
from pillarbox.clock import HeldClock


@pytest.fixture
def directory(tmp_path: Path) -> AccountDirectory:
    return AccountDirectory.open(tmp_path / "accounts.db", HeldClock())


def test_an_account_is_found_by_its_prepared_name(directory: AccountDirectory) -> None:
    added = directory.add("Alice@Example.org", "hash")
    assert directory.find("alice@example.org") == added
    assert added.login_name == "alice@example.org"
    assert directory.find("bob") is None


def test_an_account_id_is_opaque_and_fit_for_a_file_name(directory: AccountDirectory) -> None:
    ids = {directory.add(f"user{number}", "hash").id for number in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", account_id) for account_id in ids)


def test_nobody_is_called_as_everybody_is_in_lists_of_rights(directory: AccountDirectory) -> None:
    for name in ("anyone", "Anyone"):
        with pytest.raises(LoginNameInvalid):
            directory.add(name, "hash")


def test_a_removed_and_new_account_of_one_name_has_another_id(directory: AccountDirectory) -> None:
    first = directory.add("alice", "hash")
    directory.remove("alice")
    assert directory.add("alice", "hash").id != first.id


def test_a_name_is_taken_in_any_case(directory: AccountDirectory) -> None:
    directory.add("alice", "hash")
    with pytest.raises(AccountExists):
        directory.add("ALICE", "hash")


def test_adding_many_adds_all_or_none(directory: AccountDirectory) -> None:
    directory.add("carol", "hash")
    with pytest.raises(AccountExists):
        directory.add_all([("alice", "hash"), ("carol", "hash")])
    with pytest.raises(LoginNameInvalid):
        directory.add_all([("bob", "hash"), ("b/b", "hash")])
    assert [account.login_name for account in directory.accounts()] == ["carol"]


def test_changes_to_nobody_are_refused(directory: AccountDirectory) -> None:
    for change in (directory.remove, directory.disable, directory.enable):
        with pytest.raises(AccountMissing):
            change("nobody")
    with pytest.raises(AccountMissing):
        directory.set_password("nobody", "hash")


def test_a_renewed_hash_never_overwrites_a_changed_password(directory: AccountDirectory) -> None:
    seen = directory.add("alice", "old")
    directory.set_password("alice", "changed by another process")
    directory.replace_hash(seen, "old password, new parameters")
    found = directory.find("alice")
    assert found is not None
    assert found.password_hash == "changed by another process"


def test_disabled_and_enabled_again(directory: AccountDirectory) -> None:
    directory.add("alice", "hash")
    directory.disable("alice")
    assert [account.disabled for account in directory.accounts()] == [True]
    directory.enable("alice")
    assert [account.disabled for account in directory.accounts()] == [False]


def test_the_files_are_for_their_owner_only(tmp_path: Path, directory: AccountDirectory) -> None:
    directory.add("alice", "hash")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"accounts.db": 0o600, "accounts.db-wal": 0o600, "accounts.db-shm": 0o600}


def test_a_hash_never_shows_in_a_representation(directory: AccountDirectory) -> None:
    assert "secret-hash" not in repr(directory.add("alice", "secret-hash"))


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    apsw.Connection(str(path)).execute("PRAGMA user_version = 999").fetchall()
    with pytest.raises(DirectoryUnavailable, match="newer"):
        AccountDirectory.open(path, HeldClock())


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    path.write_bytes(b"this is not a database, it is a letter to grandmother" * 100)
    with pytest.raises(DirectoryUnavailable):
        AccountDirectory.open(path, HeldClock())


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnavailable):
        AccountDirectory.open(tmp_path / "nowhere" / "accounts.db", HeldClock())


_ADDER = """
import sys
from pathlib import Path
from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import SystemClock
sys.stdin.readline()
for number in range(25):
    directory = AccountDirectory.open(Path(sys.argv[1]), SystemClock())
    directory.add(f"user-{sys.argv[2]}-{number}", "hash")
    directory.close()
"""


def test_processes_that_create_and_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    command = [sys.executable, "-c", _ADDER, str(path)]
    processes = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert errors == ["", "", "", ""]
    assert len(AccountDirectory.open(path, HeldClock()).accounts()) == 100
