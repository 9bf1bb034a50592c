"""`pillarbox import` and `pillarbox mailbox list`: mail in, and seen to be in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine

SAMPLES = Path(__file__).parents[2] / "samples"
NEW = dict.fromkeys(("INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"), (0, 0))
"""What an account begins with."""
FROM = "From bob@example.org Sat Jan  3 01:05:34 1998\n"


def counts(pillarbox: CommandLine, user: str = "alice") -> dict[str, tuple[int, int]]:
    found = pillarbox.done("mailbox", "list", "--user", user, "--json").json
    return {mailbox["name"]: (mailbox["messages"], mailbox["unseen"]) for mailbox in found}


def test_an_mbox_comes_into_the_named_mailbox(alice: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "old.mbox"
    source.write_text(f"{FROM}Subject: one\nStatus: RO\n\nbody\n\n{FROM}Subject: two\n\nbody\n")
    said = alice.done("import", str(source), "--user", "Alice", "--mailbox", "Archive/1998")
    assert said.out == "imported 2 messages, 44 bytes (Archive/1998 2)\n"
    assert counts(alice) == NEW | {"Archive/1998": (2, 1)}


def test_a_maildir_comes_with_its_folders(alice: CommandLine, tmp_path: Path) -> None:
    for folder in ("", ".Sent", ".Work.2019"):
        (tmp_path / "Maildir" / folder / "cur").mkdir(parents=True)
        (tmp_path / "Maildir" / folder / "cur" / "1.host:2,S").write_text("Subject: one\n\nbody\n")
    alice.done("import", str(tmp_path / "Maildir"), "--user", "alice")
    assert counts(alice) == NEW | {"INBOX": (1, 0), "Sent": (1, 0), "Work/2019": (1, 0)}
    listed = alice.done("mailbox", "list", "--user", "alice").out.splitlines()
    assert "Sent\t1\t0\t22 bytes\tyes" in listed


def test_the_samples_come_in_whole(alice: CommandLine) -> None:
    files = sorted(SAMPLES.rglob("*.eml"))
    said = alice.done("import", str(SAMPLES), "--user", "alice", "--json").json
    assert said["messages"] == len(files) >= 40
    assert said["size_bytes"] == sum(path.stat().st_size for path in files)
    assert said["left_out"] == []
    assert counts(alice)["Reise & Urlaub"] == (1, 1)


def test_what_cannot_come_in_is_named_and_the_rest_does(alice: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "a.eml").write_text("Subject: fine\n\nbody\n")
    (tmp_path / "mail" / "b.eml").write_text("")
    (tmp_path / "mail" / "c.eml").symlink_to(tmp_path / "gone")
    (tmp_path / "mail" / "d.eml").write_text("Subject: big\n\n" + "x" * 20_000)
    config = alice.data / "pillarbox.toml"
    config.write_text(config.read_text() + "[store]\nmax_message_bytes = 10000\n")
    said = alice("import", str(tmp_path / "mail"), "--user", "alice")
    assert said.code == ExitCode.BAD_DATA
    assert said.out.startswith("imported 1 messages")
    assert f"left out: {tmp_path}/mail/b.eml: an empty file" in said.err
    assert f"left out: {tmp_path}/mail/c.eml: No such file or directory" in said.err
    assert f"left out: {tmp_path}/mail/d.eml: larger than the 10000 bytes" in said.err
    assert counts(alice) == NEW | {"INBOX": (1, 1)}


def test_a_disk_that_takes_no_more_is_told_with_what_came_before(alice: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "old.mbox"
    source.write_text("".join(f"{FROM}Subject: {number}\n\nbody\n\n" for number in range(5_000)))
    words = [sys.executable, "-m", "pillarbox", "import", str(source), "--user", "alice", "--data", str(alice.data)]
    limited = ["bash", "-c", 'ulimit -f 1000 && exec "$@"', "bash", *words]  # KiB
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    told = re.match(r"(\d+) messages were imported before\n", done.stderr)
    assert (done.returncode, told is not None) == (ExitCode.UNAVAILABLE, True), done.stderr
    assert told is not None
    assert 0 < int(told[1]) < 5_000
    assert counts(alice)["INBOX"][0] == int(told[1])


def test_what_is_no_mail_is_told(alice: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear grandmother,\n")
    assert alice("import", str(tmp_path / "letter.txt"), "--user", "alice").code == ExitCode.BAD_DATA
    assert alice("import", str(tmp_path / "nothing"), "--user", "alice").code == ExitCode.NO_INPUT
    assert alice("import", str(tmp_path / "letter.txt"), "--user", "bob").code == ExitCode.NO_USER
