"""`pillarbox migrate` from a real Dovecot into a running Pillarbox: whole, again, interrupted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CHEAP_HASHES, Said, run
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer
from tests.transfer.old_account import PASSWORD, connect, fill, letter, seen


def migrate(source: DovecotServer, home: PillarboxServer, user: str, *words: str, password: str = PASSWORD) -> Said:
    return run(
        "migrate", f"imaps://{user}@{source.host}:{source.port}", "--user", user, "--ca-file", str(source.ca_file),
        "--data", str(home.data), "--json", "--password-stdin", *words, stdin=password + "\n",
    )  # fmt: skip


def begin(source: DovecotServer, home: PillarboxServer, user: str, messages: int = 40) -> None:
    home.add_account(user, PASSWORD)
    fill(source, user, messages)


def test_an_account_comes_whole_and_only_once(dovecot: DovecotServer, new_home: PillarboxServer) -> None:
    begin(dovecot, new_home, "anna")
    said = migrate(dovecot, new_home, "anna", "--verify")
    assert said.code == 0, said.err
    (outcome,) = said.json
    assert (outcome["messages"], outcome["compared"], outcome["differences"]) == (41, 41, [])
    there, here = seen(dovecot, "anna"), seen(new_home, "anna")
    assert {name: here[name] for name in there} == there
    with connect(new_home, "anna") as client:
        subscribed = {name for _, _, name in client.list_sub_folders()}
    assert {"Sent", "Projects/2019"} <= subscribed
    assert not {"Entwürfe & Co", "empty"} & subscribed
    again = migrate(dovecot, new_home, "anna")
    assert (again.code, again.json[0]["messages"]) == (0, 0)
    assert seen(new_home, "anna") == here


def test_a_later_run_brings_what_changed(dovecot: DovecotServer, new_home: PillarboxServer) -> None:
    begin(dovecot, new_home, "bert", 16)
    assert migrate(dovecot, new_home, "bert").code == 0
    with connect(dovecot, "bert") as client:
        client.append("Sent", letter("later"))
        client.select_folder("Sent")
        client.set_flags([2], [b"\\Seen", b"later"])
        client.delete_messages([1])
        client.expunge()
        client.create_folder("fresh")
        client.append("fresh", letter("first"))
    (kept,) = migrate(dovecot, new_home, "bert", "--verify").json
    assert (kept["messages"], kept["compared"]) == (2, 18)
    assert [text.partition(":")[2][:10] for text in kept["differences"]] == [" flags are"]
    (done,) = migrate(dovecot, new_home, "bert", "--update-flags", "--expunge", "--verify").json
    assert (done["messages"], done["different"]) == (0, 0)
    there, here = seen(dovecot, "bert"), seen(new_home, "bert")
    assert {name: here[name] for name in there} == there


def test_new_uids_at_the_source_bring_nothing_twice(dovecot: DovecotServer, new_home: PillarboxServer) -> None:
    begin(dovecot, new_home, "cleo", 16)
    assert migrate(dovecot, new_home, "cleo").code == 0
    before = seen(new_home, "cleo")
    (dovecot.folder / "mail" / "cleo" / "Sent" / "dovecot-uidlist").unlink()
    for index in (dovecot.folder / "mail" / "cleo" / "Sent").glob("dovecot.index*"):
        index.unlink()
    said = migrate(dovecot, new_home, "cleo", "--verify")
    assert (said.code, said.json[0]["messages"], said.json[0]["compared"]) == (0, 0, 17)
    assert "Sent has new UIDs at the source" in said.err
    assert seen(new_home, "cleo") == before


def test_killed_and_cut_off_it_goes_on_and_brings_nothing_twice(
    dovecot: DovecotServer, new_home: PillarboxServer
) -> None:
    begin(dovecot, new_home, "dora", 0)
    with connect(dovecot, "dora") as client:
        for number in range(600):
            client.append("INBOX", letter(f"n{number}", 4_000))
    with started(dovecot, new_home, "dora") as process:
        wait_for(new_home, "dora", 100, process)
        process.kill()
    with started(dovecot, new_home, "dora") as process:
        wait_for(new_home, "dora", 300, process)
        dovecot.kill()
        dovecot.restart()
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    said = migrate(dovecot, new_home, "dora", "--verify")
    assert (said.code, said.json[0]["messages"], said.json[0]["compared"]) == (0, 0, 601)
    there, here = seen(dovecot, "dora"), seen(new_home, "dora")
    assert {name: here[name] for name in there} == there


def test_many_accounts_come_from_a_table(dovecot: DovecotServer, new_home: PillarboxServer, tmp_path: Path) -> None:
    for user in ("emil", "fred"):
        begin(dovecot, new_home, user, 8)
    new_home.add_account("gone", PASSWORD)
    table = tmp_path / "people.csv"
    table.write_text(f"source user,source password,user\nemil,{PASSWORD},fred\nfred,{PASSWORD},emil\nemil,wrong,gone\n")
    words = ["migrate", f"imaps://{dovecot.host}:{dovecot.port}", "--accounts", str(table), "--json"]
    words += ["--ca-file", str(dovecot.ca_file), "--data", str(new_home.data), "--verify"]
    said = run(*words)
    assert said.code == ExitCode.UNAVAILABLE
    assert "1 of 3 accounts failed" in said.err
    assert PASSWORD not in said.err + said.out
    assert [(each["user"], each["compared"], each["different"]) for each in said.json] == [
        ("fred", 9, 0), ("emil", 9, 0), ("gone", 0, 0),
    ]  # fmt: skip
    assert "Authentication failed" in said.json[2]["failure"]
    table.write_text(f"emil,{PASSWORD},nobody\nemil,{PASSWORD}\n")
    wrong = run(*words)
    assert wrong.code == ExitCode.BAD_DATA
    assert 'line 1: there is no account "nobody"' in wrong.err
    assert "line 2: expected" in wrong.err


def test_what_is_wrong_is_told_in_plain_words(dovecot: DovecotServer, new_home: PillarboxServer) -> None:
    begin(dovecot, new_home, "gert", 4)
    source, home = f"imaps://gert@{dovecot.host}:{dovecot.port}", ("--user", "gert", "--data", str(new_home.data))
    untrusted = run("migrate", source, *home, "--password-stdin", stdin=PASSWORD + "\n")
    assert untrusted.code == ExitCode.UNAVAILABLE
    assert "its certificate is not trusted" in untrusted.err
    assert "--ca-file" in untrusted.err
    denied = migrate(dovecot, new_home, "gert", password="wrong")
    assert (denied.code, "Authentication failed" in denied.err) == (ExitCode.UNAVAILABLE, True)
    nobody = run("migrate", f"imaps://gert:{PASSWORD.split()[0]}@{dovecot.host}", *home)
    assert (nobody.code, "can be seen by others" in nobody.err) == (ExitCode.USAGE, True)
    away = run("migrate", "imaps://gert@127.0.0.1:1", *home, "--password-stdin", "--tries", "2", stdin="x\n")
    assert away.code == ExitCode.UNAVAILABLE
    assert "trying again in 1 s" in away.err
    assert "run it again to go on where it stopped" in away.err


def test_a_message_over_the_limit_is_left_out_and_named(
    dovecot: DovecotServer, new_home: PillarboxServer, tmp_path: Path
) -> None:
    begin(dovecot, new_home, "hans", 8)
    small = tmp_path / "small.toml"
    small.write_text(CHEAP_HASHES + "[store]\nmax_message_bytes = 1000000\n")
    said = migrate(dovecot, new_home, "hans", "--config", str(small))
    assert (said.code, said.json[0]["messages"]) == (ExitCode.BAD_DATA, 8)
    (left_out,) = said.json[0]["left_out"]
    assert left_out.startswith("INBOX, UID 3: The message is larger than the 1000000 bytes")
    again = migrate(dovecot, new_home, "hans", "--verify")
    assert (again.code, again.json[0]["messages"], again.json[0]["different"]) == (0, 1, 0)


def test_a_message_that_the_source_cannot_read_is_named(dovecot: DovecotServer, new_home: PillarboxServer) -> None:
    begin(dovecot, new_home, "jana", 24)
    (file, *_) = sorted((dovecot.folder / "mail" / "jana" / "Sent" / "cur").iterdir())
    file.chmod(0)
    said = migrate(dovecot, new_home, "jana", "--exclude", "INBOX")
    assert (said.code, said.json[0]["messages"]) == (ExitCode.BAD_DATA, 17), said.err
    (left_out,) = said.json[0]["left_out"]
    assert left_out.startswith("Sent, UID ")
    file.chmod(0o644)
    again = migrate(dovecot, new_home, "jana", "--exclude", "INBOX", "--verify")
    assert (again.code, again.json[0]["messages"], again.json[0]["different"]) == (0, 1, 0)


def test_special_uses_come_along(new_home: PillarboxServer, tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text(CHEAP_HASHES + '[new_account]\nmailboxes = ["Gesendet \\\\Sent", "Trash"]\n')
    with PillarboxServer(tmp_path / "old", config=config) as old:
        old.add_account("ines", PASSWORD)
        new_home.add_account("ines", PASSWORD)
        with connect(old, "ines") as client:
            client.append("Gesendet", letter("sent"), [b"\\Seen", b"$MDNSent"])
        source = f"imaps://ines@{old.host}:{old.port}"
        said = run(
            "migrate", source, "--user", "ines", "--ca-file", str(old.ca_file), "--data", str(new_home.data),
            "--password-stdin", "--verify", stdin=PASSWORD + "\n",
        )  # fmt: skip
        assert said.code == 0, said.err
        assert "compared 1 messages: no differences" in said.out
        there = seen(old, "ines")
    here = {
        mailbox["name"]: mailbox["special_use"]
        for mailbox in run("mailbox", "list", "--user", "ines", "--json", "--data", str(new_home.data)).json
    }
    assert here["Gesendet"] == ["\\Sent"]
    assert "Sent" not in here  # the empty one that every new account has
    assert seen(new_home, "ines")["Gesendet"] == there["Gesendet"]


@contextmanager
def started(source: DovecotServer, home: PillarboxServer, user: str) -> Iterator[subprocess.Popen[str]]:
    """`pillarbox migrate` under way."""
    words = [
        sys.executable, "-m", "pillarbox", "migrate", f"imaps://{user}@{source.host}:{source.port}", "--user", user,
        "--ca-file", str(source.ca_file), "--data", str(home.data), "--password-stdin",
    ]  # fmt: skip
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(PASSWORD + "\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(home: PillarboxServer, user: str, messages: int, process: subprocess.Popen[str]) -> None:
    with connect(home, user) as client:
        while process.poll() is None and client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"] < messages:
            pass
