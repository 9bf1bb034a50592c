"""A server that root starts becomes somebody who may do nothing more; these tests need root, as CI has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pillarbox.app.privileges import Identity, PrivilegesUnusable, RunAsSettings, choose, prepare_folder
from tests.app.process import ServerProcess
from tests.cli.commands import run

REPOSITORY = Path(__file__).parents[2]
NOTHING = "0" * 16
STRANGER = 4996


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


def test_root_becomes_the_servers_user_and_keeps_nothing_of_root() -> None:
    readable = {str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix, REPOSITORY)}
    with tempfile.TemporaryDirectory(prefix="pillarbox-root-") as made:
        Path(made).chmod(0o755)
        script = str(REPOSITORY / "tests" / "app" / "namespace.sh")
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", script, sys.executable, "-m", "tests.app.as_root", made],
            capture_output=True,
            text=True,
            timeout=240,
            cwd=REPOSITORY,
            env=os.environ | {"READABLE": " ".join(sorted(readable)), "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.get("line") == "ready imaps://127.0.0.1:993\n", told
    assert (told["added"], told["login"], told["code"]) == ("added alice\n", "OK", 0)
    expected = {
        "Uid": "4993 4993 4993 4993",
        "Gid": "4993 4993 4993 4993",
        "Groups": "4994",  # of the socket for LMTP
        **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapAmb"), NOTHING),
        "NoNewPrivs": "1",
        "owner": "0",  # of what others could look into: the process is not dumpable
    }
    assert told["processes"] == [expected] * 4, "the supervisor, two workers, the housekeeper"
    assert told["lmtp"] == [4993, 4994]
    assert "certificate.not_reloaded" in told["reload"]  # the key is root's alone; the old one is served on
    said = "pillarbox: /var/lib/pillarbox belongs to user 4993; run this as that user: sudo -u '#4993' pillarbox ...\n"
    assert told["first_command"] == [77, said, 4993]
    assert (told["owners"], told["open"], told["audit"]) == ([4993], [], "whole")


def test_a_folder_of_roots_is_served_by_a_root_without_powers_and_that_is_told(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert "useradd" in str(server.wait_for("server.as_root")["remedy"])
        lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    assert {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Cap", "NoNew"))} == {
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), NOTHING),
        "NoNewPrivs": "1",
    }


def test_the_owner_of_the_folder_is_who_serves(folder: Path) -> None:
    (folder / "accounts.db").touch()
    os.chown(folder, STRANGER, STRANGER + 1)
    assert choose(RunAsSettings(), folder, ("",)) == Identity(f"#{STRANGER}", STRANGER, STRANGER + 1, ())


def test_the_user_and_group_of_the_settings_come_first(folder: Path) -> None:
    found = choose(RunAsSettings("daemon", "mail"), folder, ("tty",))
    assert found is not None
    assert (found.name, found.user, found.group, found.other_groups) == ("daemon", 1, 8, (5,))


@pytest.mark.parametrize(
    ("settings", "groups", "said"),
    [
        (RunAsSettings("nobody-at-all"), (), "useradd --system nobody-at-all"),
        (RunAsSettings("daemon", "nobody-at-all"), (), "groupadd --system nobody-at-all"),
        (RunAsSettings("daemon"), ("nobody-at-all",), "groupadd --system nobody-at-all"),
    ],
)
def test_who_is_not_there_is_named_with_a_remedy(
    settings: RunAsSettings, groups: tuple[str, ...], said: str, folder: Path
) -> None:
    with pytest.raises(PrivilegesUnusable, match=said):
        choose(settings, folder, groups)


def test_what_is_in_a_folder_of_somebody_else_is_not_given_away_unasked(folder: Path) -> None:
    somebody = Identity("somebody", STRANGER, STRANGER)
    prepare_folder(folder, somebody)  # empty: it is theirs now
    assert folder.stat().st_uid == STRANGER
    os.chown(folder, 0, 0)
    (folder / "accounts.db").touch()
    with pytest.raises(PrivilegesUnusable, match=f"chown -R {STRANGER}:{STRANGER} {folder}"):
        prepare_folder(folder, somebody)
    assert folder.stat().st_uid == 0


def test_a_new_folder_is_the_users_and_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare_folder(folder, Identity("somebody", STRANGER, STRANGER))
    there = folder.stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o777) == (STRANGER, STRANGER, 0o700)
    assert folder.parent.stat().st_uid == 0


def test_a_key_that_others_can_read_is_not_served_with(folder: Path) -> None:
    with ServerProcess(folder) as first:
        first.connect().logout()
    key = folder / "certificates" / "server.pem"
    key.chmod(0o640)
    said = run("serve", "--data", str(folder), "--listen", "127.0.0.1:0", "--workers", "1")
    assert said.code == 69
    assert f"other users of this machine can read the key {key}: chmod 600 {key}" in said.err


def test_a_folder_that_is_open_to_others_is_told(folder: Path) -> None:
    folder.chmod(0o755)
    with ServerProcess(folder) as server:
        told = server.wait_for("folder.open_to_others")
    assert (told["path"], told["remedy"]) == (str(folder), f"chmod go= {folder}")
