"""`pillarbox user`: accounts made, changed and removed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CHEAP_HASHES, CommandLine, run


def names(pillarbox: CommandLine) -> list[str]:
    return [account["name"] for account in pillarbox.done("user", "list", "--json").json]


def test_an_account_is_made_and_listed(pillarbox: CommandLine) -> None:
    said = pillarbox.done("user", "add", "Alice@Example.org", "--password-stdin", stdin="wonderland\n")
    assert said.out == "added alice@example.org\n"
    (account,) = pillarbox.done("user", "list", "--json").json
    assert account["name"] == "alice@example.org"
    assert account["disabled"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", account["created"])
    assert set(account) == {"name", "id", "disabled", "admin", "created", "password_changed", "password"}
    assert account["password"] == "here"


def test_in_a_pipe_the_list_is_plain_lines(alice: CommandLine) -> None:
    assert re.fullmatch(r"alice\tno\t\d{4}-\d\d-\d\d\t\d{4}-\d\d-\d\d\there\n", alice.done("user", "list").out)


def test_a_new_data_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    pillarbox = CommandLine(tmp_path / "deep" / "data")
    pillarbox.done("user", "add", "alice", "--password-stdin", stdin="wonderland")
    assert stat.S_IMODE(pillarbox.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((pillarbox.data / "accounts.db").stat().st_mode) == 0o600


def test_a_password_is_kept_as_argon2id_only(alice: CommandLine) -> None:
    stored = b"".join(path.read_bytes() for path in alice.data.glob("accounts.db*"))
    assert b"$argon2id$v=19$m=8192,t=1,p=1$" in stored
    assert b"wonderland" not in stored


@pytest.mark.parametrize(
    ("name", "password", "code", "hint"),
    [
        ("al/ice", "secret\n", ExitCode.USAGE, "can't hold '/'"),
        ("bob", "\n", ExitCode.USAGE, "can't be empty"),
        ("bob", "", ExitCode.USAGE, "can't be empty"),
        ("bob", "a\0b\n", ExitCode.USAGE, "control characters"),
        ("ALICE", "secret\n", ExitCode.EXISTS, "already an account alice"),
    ],
)
def test_a_wrong_account_is_refused(alice: CommandLine, name: str, password: str, code: ExitCode, hint: str) -> None:
    said = alice("user", "add", name, "--password-stdin", stdin=password)
    assert (said.code, said.out) == (code, "")
    assert hint in said.err
    assert names(alice) == ["alice"]


def test_without_a_terminal_the_password_must_be_on_stdin(pillarbox: CommandLine) -> None:
    said = pillarbox("user", "add", "alice", stdin="wonderland\n")
    assert said.code == ExitCode.USAGE
    assert "--password-stdin" in said.err


def test_a_password_is_never_an_argument(pillarbox: CommandLine) -> None:
    assert pillarbox("user", "add", "alice", "wonderland").code == ExitCode.USAGE
    assert pillarbox("user", "add", "alice", "--password", "wonderland").code == ExitCode.USAGE


def test_disabled_and_enabled(alice: CommandLine) -> None:
    alice.done("user", "disable", "Alice")
    assert alice.done("user", "list", "--json").json[0]["disabled"] is True
    alice.done("user", "enable", "alice")
    assert alice.done("user", "list", "--json").json[0]["disabled"] is False


def test_nobody_is_not_changed(alice: CommandLine) -> None:
    for words in (("password", "bob", "--password-stdin"), ("disable", "bob"), ("remove", "bob", "--yes")):
        said = alice("user", *words, stdin="secret\n")
        assert said.code == ExitCode.NO_USER
        assert "there is no account bob" in said.err


def test_removing_takes_the_mail_along(alice: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_text("Subject: secret plans\n\nbody\n")
    alice.done("import", str(tmp_path / "a.eml"), "--user", "alice")
    assert [path for path in (alice.data / "mail").rglob("*") if path.is_file()]
    alice.done("user", "remove", "alice", "--yes")
    left = [path for path in (alice.data / "mail").rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
    assert (names(alice), left) == ([], [])


def test_removing_is_asked_first(alice: CommandLine) -> None:
    said = alice("user", "remove", "alice", stdin="alice\n")
    assert said.code == ExitCode.USAGE
    assert "--yes" in said.err
    assert names(alice) == ["alice"]


def test_a_roster_comes_in_as_a_whole(pillarbox: CommandLine, tmp_path: Path) -> None:
    roster = tmp_path / "people.csv"
    roster.write_text(
        'name,password\nAnna,"p,ass ""1"""\nbob@example.org, spaced \n\nзоя,пароль\n', encoding="utf-8-sig"
    )
    assert pillarbox.done("user", "import", str(roster)).out == "added 3 accounts\n"
    assert names(pillarbox) == ["anna", "bob@example.org", "зоя"]


def test_a_roster_with_mistakes_adds_nobody_and_names_every_line(alice: CommandLine, tmp_path: Path) -> None:
    roster = tmp_path / "people.csv"
    roster.write_text("carol,topsecret\nALICE,topsecret\nb b,topsecret\ndave\nerin,\ncarol,topsecret2\n")
    said = alice("user", "import", str(roster))
    assert said.code == ExitCode.BAD_DATA
    assert said.err.splitlines() == [
        f"{roster}, line 2: there is already an account alice",
        f"{roster}, line 3: a login name can't hold spaces or control characters",
        f"{roster}, line 4: 1 columns, not name,password",
        f"{roster}, line 5: a password can't be empty",
        f"{roster}, line 6: carol stands on line 1 already",
        "pillarbox: 5 of 6 lines are wrong; nothing was added",
    ]
    assert names(alice) == ["alice"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b'anna,"open', ExitCode.BAD_DATA), (b"anna,\xff\n", ExitCode.BAD_DATA), (None, ExitCode.NO_INPUT)],
)
def test_a_roster_that_cannot_be_read_is_told(
    pillarbox: CommandLine, tmp_path: Path, data: bytes | None, code: ExitCode
) -> None:
    roster = tmp_path / "people.csv"
    if data is not None:
        roster.write_bytes(data)
    said = pillarbox("user", "import", str(roster))
    assert said.code == code
    assert "Traceback" not in said.err


def test_a_wrong_data_folder_is_told(tmp_path: Path) -> None:
    said = CommandLine(tmp_path / "nowhere")("user", "list")
    assert said.code == ExitCode.NO_INPUT
    assert "--data" in said.err
    assert not (tmp_path / "nowhere").exists()


def test_a_broken_configuration_is_told_before_anything_is_done(pillarbox: CommandLine) -> None:
    (pillarbox.data / "pillarbox.toml").write_text("[auth]\nargon2_pases = 3\n")
    said = pillarbox("user", "add", "alice", "--password-stdin", stdin="wonderland\n")
    assert said.code == ExitCode.CONFIG
    assert 'line 2: auth.argon2_pases: there is no such setting; did you mean "argon2_passes"?' in said.err
    assert not (pillarbox.data / "accounts.db").exists()


def test_the_usual_data_folder_is_the_users_own(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        assert "/var/lib/pillarbox" in run("config", "check", home=tmp_path).out
    else:
        assert f"{tmp_path}/.local/share/pillarbox" in run("config", "check", home=tmp_path).out


def test_with_another_back_end_accounts_are_made_and_listed_without_a_password(
    alice: CommandLine,
) -> None:
    backend, keeper = "ldap", "the LDAP directory"
    (alice.data / "pillarbox.toml").write_text(f'{CHEAP_HASHES}backend = "{backend}"\n')
    assert alice.done("user", "add", "bob").out == f"added bob; its password is kept by {keeper}\n"
    assert {each["name"]: each["password"] for each in alice.done("user", "list", "--json").json} == {
        "alice": backend,
        "bob": backend,
    }
    refused = alice("user", "password", "alice", "--password-stdin", stdin="wonderland\n")
    assert (refused.code, refused.out) == (ExitCode.USAGE, "")
    assert f"kept by {keeper}" in refused.err
