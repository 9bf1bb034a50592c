"""`pillarbox export`, and back in again: nothing is lost, nothing is half there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import Said, run
from tests.servers.dovecot import DovecotServer, Storage
from tests.servers.pillarbox_server import PillarboxServer
from tests.transfer.old_account import PASSWORD, connect, fill, letter, numbers, seen


@pytest.fixture(scope="module")
def full(new_home: PillarboxServer) -> PillarboxServer:
    """A server where one account has mail."""
    new_home.add_account("full", PASSWORD)
    fill(new_home, "full", 24)
    with connect(new_home, "full") as client:
        client.append("INBOX", b"Subject: bare\n\nFrom here\n>From there\nno end")
    return new_home


def command(home: PillarboxServer, *words: str) -> Said:
    return run(*words, "--data", str(home.data))


@pytest.fixture(scope="module")
def exported(full: PillarboxServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "mail"
    said = command(full, "export", str(folder), "--user", "full")
    assert (said.code, said.err) == (0, "")
    return folder


def test_an_export_with_a_manifest_comes_back_as_it_was(full: PillarboxServer, exported: Path) -> None:
    full.add_account("again", PASSWORD)
    said = command(full, "import", str(exported), "--user", "again", "--json")
    assert said.code == 0, said.err
    before, after = seen(full, "full"), seen(full, "again")
    assert after == before
    assert sum(map(len, after.values())) == said.json["messages"] == 26
    theirs, ours = numbers(full, "full"), numbers(full, "again")
    assert {name: each[:3] for name, each in ours.items()} == {name: each[:3] for name, each in theirs.items()}
    assert all(ours[name].modseq > theirs[name].modseq for name in ours)
    with connect(full, "full") as old, connect(full, "again") as new:
        assert sorted(new.list_sub_folders()) == sorted(old.list_sub_folders())
    repeated = command(full, "import", str(exported), "--user", "again", "--json")
    assert (repeated.json["messages"], repeated.json["here_before"]) == (0, 26)
    assert seen(full, "again") == before


def test_into_a_mailbox_with_a_past_an_export_comes_with_new_uids(full: PillarboxServer, exported: Path) -> None:
    full.add_account("used", PASSWORD)
    with connect(full, "used") as client:
        client.append("INBOX", letter("mine"))
    said = command(full, "import", str(exported), "--user", "used")
    assert said.code == 0
    assert 'mail programs will download "INBOX" again' in said.err
    assert [each.sha256 for each in seen(full, "used")["INBOX"][1:]] == [
        each.sha256 for each in seen(full, "full")["INBOX"]
    ]


def test_dovecot_reads_the_maildir_with_its_uids(full: PillarboxServer, tmp_path: Path) -> None:
    folder = tmp_path / "maildir"
    assert command(full, "export", str(folder), "--user", "full", "--format", "maildir").code == 0
    with DovecotServer(storage=Storage.MAILDIR) as dovecot:
        dovecot.add_account("full", PASSWORD)
        place = dovecot.folder / "mail" / "full"
        subprocess.run(["cp", "-r", "--preserve=timestamps", folder, place], check=True)
        subprocess.run(["chown", "-R", "--reference", place.parent, place], check=True)
        theirs, mine = seen(dovecot, "full"), seen(full, "full")
        assert {name: [each[:2] for each in theirs[name] if name] for name in mine} == {
            name: [each[:2] for each in mine[name]] for name in mine
        }
        theirs_numbers, my_numbers = numbers(dovecot, "full"), numbers(full, "full")
        assert {name: theirs_numbers[name][:3] for name in mine} == {name: my_numbers[name][:3] for name in mine}
        with connect(dovecot, "full") as client:
            assert "Projects/2019" in {name for _, _, name in client.list_sub_folders()}


def test_a_dovecot_maildir_keeps_its_uids(full: PillarboxServer, dovecot: DovecotServer) -> None:
    fill(dovecot, "mover", 16)
    before, theirs = seen(dovecot, "mover"), numbers(dovecot, "mover")
    full.add_account("mover", PASSWORD)
    said = command(full, "import", str(dovecot.folder / "mail" / "mover"), "--user", "mover")
    assert said.code == 0, said.err
    assert "mail programs need not download again: INBOX" in said.out
    ours = numbers(full, "mover")
    assert {name: ours[name][:3] for name in theirs} == {name: each[:3] for name, each in theirs.items()}
    after = seen(full, "mover")
    assert {name: [each[:2] for each in after[name]] for name in before} == {
        name: [each[:2] for each in each_box] for name, each_box in before.items()
    }


def test_an_mbox_export_comes_back(full: PillarboxServer, tmp_path: Path) -> None:
    folder = tmp_path / "mbox"
    said = command(full, "export", str(folder), "--user", "full", "--format", "mbox")
    assert said.code == 0
    assert "1 messages are not byte for byte" in said.err
    full.add_account("mbox", PASSWORD)
    assert command(full, "import", str(folder), "--user", "mbox").code == 0
    before, after = seen(full, "full"), seen(full, "mbox")
    assert {name: [each[:2] for each in after[name]][:-1] for name in after} == {
        name: [each[:2] for each in before[name]][:-1] for name in after
    }
    assert len(after["INBOX"]) == len(before["INBOX"])


def test_what_is_there_is_not_written_over(full: PillarboxServer, exported: Path, tmp_path: Path) -> None:
    assert command(full, "export", str(exported), "--user", "full").code == ExitCode.EXISTS
    (tmp_path / "new.partial").mkdir()
    said = command(full, "export", str(tmp_path / "new"), "--user", "full")
    assert said.code == ExitCode.EXISTS
    assert f"an export that was stopped left {tmp_path}/new.partial" in said.err


def test_a_target_without_room_leaves_nothing(full: PillarboxServer, tmp_path: Path) -> None:
    words = f"{sys.executable} -m pillarbox export {tmp_path}/mail --user full --data {full.data}"
    done = subprocess.run(["bash", "-c", f"ulimit -f 2000; {words}"], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "nothing was left behind" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _twice(document: Any) -> None:
    document["mailboxes"][0]["messages"].append(document["mailboxes"][0]["messages"][-1])


def _other_hash(document: Any) -> None:
    document["mailboxes"][0]["messages"][0]["sha256"] = "0" * 64


def _missing(document: Any) -> None:
    document["mailboxes"][0]["messages"][0]["file"] = "INBOX/gone.eml"


def _outside(document: Any) -> None:
    document["mailboxes"][0]["messages"][0]["file"] = "../../secret.eml"


def _too_high(document: Any) -> None:
    document["mailboxes"][0]["uidnext"] = 1


def _no_dates(document: Any) -> None:
    del document["mailboxes"][0]["messages"][0]["internal_date"]


def _strange_flag(document: Any) -> None:
    document["mailboxes"][0]["messages"][0]["flags"] = ["\\Recent"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_twice, "come twice or do not ascend"),
        (_other_hash, "is not the message that was exported"),
        (_missing, "INBOX/gone.eml is missing"),
        (_outside, "lies outside the export"),
        (_too_high, "is not below its uidnext"),
        (_no_dates, "it is damaged"),
        (_strange_flag, "a system flag that there is not"),
    ],
)
def test_a_manifest_that_lies_is_refused_whole(
    exported: Path, tmp_path: Path, damage: Callable[[Any], None], told: str
) -> None:
    from pillarbox.delivery.source import SourceUnknown, find_source

    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", exported, copy], check=True)
    document = json.loads((copy / "manifest.json").read_text())
    damage(document)
    (copy / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(SourceUnknown, match=told):
        find_source(copy, 50_000_000)
