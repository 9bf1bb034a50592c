"""`pillarbox backup` and `restore` as an operator uses them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyrage
import pytest

from pillarbox.cli.exits import ExitCode
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, FLAGGED, SEEN, FlagAction
from pillarbox.store.contract import AccountStore, NewMessage
from tests.backup.conftest import CommandLine, with_mail
from tests.cli.commands import run

DATE = InternalDate(1_700_000_000, 60)


def letter(name: str, size_bytes: int = 0) -> bytes:
    head = f"Subject: {name}\r\nMessage-ID: <{name}@x>\r\n\r\n".encode()
    return head + os.urandom(size_bytes)


async def fill(mail: AccountStore) -> None:
    inbox, box = await mail.find("INBOX"), await mail.create("Work", frozenset({"\\Important"}))
    for mailbox in (inbox, box):
        messages = [NewMessage(letter(f"{mailbox.name}{n}"), DATE, frozenset({SEEN})) for n in range(20)]
        await mail.append(mailbox.id, [*messages, NewMessage(letter("large", 600_000), DATE, frozenset({FLAGGED}))])
    await mail.store_flags(inbox.id, [3], FlagAction.ADD, frozenset({DELETED}))
    await mail.expunge(inbox.id)
    await mail.subscribe("Work")
    await mail.set_properties(box.id, {"note/x": b"y"})


async def everything(mail: AccountStore) -> dict[str, Any]:
    """What clients see of an account, but for the counters that go on."""
    found: dict[str, Any] = {"subscriptions": await mail.subscriptions()}
    for box in await mail.mailboxes():
        image = await mail.image(box.id)
        contents = await mail.contents(box.id, image.uids)
        found[box.name] = (
            box.uidvalidity,
            box.special_use,
            list(image.uids),
            list(image.modseqs),
            [sorted(flags.names) for flags in image.flags],
            list(image.date_seconds),
            list(image.save_seconds),
            [bytes(content.whole()) for content in contents if content],
            dict(await mail.properties(box.id)),
        )
    return found


def settle(data: Path) -> None:
    """As if nobody had written for a while."""
    for path in data.glob("mail/??/*/mail.db*"):
        changed = path.stat().st_mtime_ns
        if changed > time.time_ns() - 10**12:
            os.utime(path, ns=(changed - 2 * 10**12, changed - 2 * 10**12))


def test_a_server_comes_back_as_it_was_and_later_runs_store_what_changed(
    pillarbox: CommandLine, tmp_path: Path
) -> None:
    chest, data = tmp_path / "chest", pillarbox.data
    for name in ("alice", "bob"):
        with_mail(data, name, fill)
    settle(data)
    first = pillarbox.done("backup", str(chest), "--json").json
    assert (first["accounts"], first["accounts_unchanged"]) == (2, 0)
    assert first["new_bytes"] > 4 * 300_000

    async def one_more(mail: AccountStore) -> None:
        await mail.append((await mail.find("INBOX")).id, [NewMessage(letter("later"), DATE)])

    before = with_mail(data, "alice", everything)
    settle(data)
    pillarbox.done("backup", str(chest))
    with_mail(data, "alice", one_more)
    settle(data)
    third = pillarbox.done("backup", str(chest), "--json").json
    assert third["accounts_unchanged"] == 1
    assert third["new_bytes"] < first["new_bytes"] / 3
    runs = pillarbox.done("backup", "list", str(chest), "--json").json
    assert [run["accounts"] for run in runs] == [2, 2, 2]
    assert "all is well" in pillarbox.done("backup", "verify", str(chest), "--all").out

    now = with_mail(data, "alice", everything)
    bob = with_mail(data, "bob", everything)
    full = pillarbox("restore", str(chest))
    assert (full.code, "not empty" in full.err) == (ExitCode.UNAVAILABLE, True)
    shutil.rmtree(data)
    said = pillarbox.done("restore", str(chest)).out
    assert f"restored {third['run']}" in said
    assert (with_mail(data, "alice", everything), with_mail(data, "bob", everything)) == (now, bob)
    other = CommandLine(tmp_path / "other")
    other.done("restore", str(chest), "--run", runs[0]["run"])
    assert with_mail(other.data, "alice", everything) == before
    assert sorted(path.name for path in data.iterdir()) == sorted(path.name for path in other.data.iterdir())

    assert pillarbox.done("backup", "prune", str(chest), "--keep", "1", "--json").json["runs_removed"] == 2
    assert "all is well" in pillarbox.done("backup", "verify", str(chest)).out


def test_uids_that_clients_saw_after_the_backup_are_not_given_again(pillarbox: CommandLine, tmp_path: Path) -> None:
    with_mail(pillarbox.data, "alice", fill)
    pillarbox.done("backup", str(tmp_path / "chest"))
    shutil.rmtree(pillarbox.data)
    pillarbox.done("restore", str(tmp_path / "chest"))

    async def next_one(mail: AccountStore) -> tuple[int, bool, bool]:
        inbox = await mail.find("INBOX")
        known = max((await mail.image(inbox.id)).modseqs)
        vanished = await mail.vanished_since(inbox.id, known + 1_000)
        appended = await mail.append(inbox.id, [NewMessage(letter("new"), DATE)])
        return appended.uids[0], 22 in vanished and 5_000 in vanished, 21 in vanished

    uid, later_are_gone, kept_is_gone = with_mail(pillarbox.data, "alice", next_one)
    assert uid > 1_000_000
    assert (later_are_gone, kept_is_gone) == (True, False)


def test_an_account_a_mailbox_and_a_message_come_back_into_a_server_in_use(
    pillarbox: CommandLine, tmp_path: Path
) -> None:
    data, chest = pillarbox.data, str(tmp_path / "chest")
    with_mail(data, "alice", fill)
    before = with_mail(data, "alice", everything)
    pillarbox.done("backup", chest)

    async def lose(mail: AccountStore) -> None:
        await mail.delete("Work")
        inbox = await mail.find("INBOX")
        await mail.store_flags(inbox.id, [1, 2, 5], FlagAction.ADD, frozenset({DELETED}))
        await mail.expunge(inbox.id)

    with_mail(data, "alice", lose)
    one = pillarbox.done("restore", chest, "--user", "alice", "--mailbox", "inbox", "--message-id", "<INBOX1@x>")
    assert one.out == "INBOX: 1 messages came back\n"
    again = pillarbox.done("restore", chest, "--user", "alice", "--mailbox", "INBOX", "--uid", "2", "--json").json
    assert again == [{"mailbox": "INBOX", "made": False, "messages": 0, "there_already": 1}]
    pillarbox.done("restore", chest, "--user", "alice", "--mailbox", "Work")
    after = with_mail(data, "alice", everything)
    uids, contents = 2, 7
    assert [part for at, part in enumerate(after["Work"]) if at != 3] == [
        part for at, part in enumerate(before["Work"]) if at != 3
    ], "all but the mod-sequences is as it was"
    assert after["INBOX"][uids] == [4, *range(6, 22), 22]
    rest = pillarbox.done("restore", chest, "--user", "alice", "--json").json
    assert {each["mailbox"]: each["messages"] for each in rest if each["messages"]} == {"INBOX": 2}
    assert sorted(with_mail(data, "alice", everything)["INBOX"][contents]) == sorted(before["INBOX"][contents])
    for words, code in (
        (("--user", "alice", "--mailbox", "Never"), ExitCode.NO_INPUT),
        (("--user", "alice", "--mailbox", "INBOX", "--uid", "999"), ExitCode.NO_INPUT),
        (("--mailbox", "INBOX"), ExitCode.USAGE),
        (("--user", "alice", "--run", "20000101T000000Z"), ExitCode.UNAVAILABLE),
    ):
        assert pillarbox("restore", chest, *words).code == code
    assert list((data / "run").iterdir()) == []


def test_an_encrypted_backup_needs_the_identity_elsewhere(pillarbox: CommandLine, tmp_path: Path) -> None:
    chest = str(tmp_path / "chest")
    identity = pyrage.x25519.Identity.generate()
    key_file = tmp_path / "key.txt"
    key_file.write_text(f"# created today\n{identity}\n")
    with_mail(pillarbox.data, "alice", fill)
    before = with_mail(pillarbox.data, "alice", everything)
    pillarbox.done("backup", chest, "--encrypt-to", str(identity.to_public()))
    assert "all is well" in pillarbox.done("backup", "verify", chest).out, "this server knows the key"
    other = CommandLine(tmp_path / "other")
    locked = other("restore", chest)
    assert (locked.code, "--identity" in locked.err) == (ExitCode.UNAVAILABLE, True)
    words = ("restore", chest, "--identity", "/dev/stdin", "--data", str(other.data))
    assert run(*words, stdin=key_file.read_text()).err == ""
    assert with_mail(other.data, "alice", everything) == before
    key_file.write_text("nothing of the kind")
    assert pillarbox("backup", "list", chest, "--identity", str(key_file)).code == ExitCode.BAD_DATA


def test_verify_names_what_is_damaged(pillarbox: CommandLine, tmp_path: Path) -> None:
    with_mail(pillarbox.data, "alice", fill)
    pillarbox.done("backup", str(tmp_path / "chest"))
    for path in (tmp_path / "chest" / "objects").glob("??/*"):
        if path.stat().st_size > 100_000:
            path.write_bytes(path.read_bytes()[:-5])
    said = pillarbox("backup", "verify", str(tmp_path / "chest"), "--json")
    assert said.code == ExitCode.BAD_DATA
    assert any("/blobs/" in problem for problem in said.json["problems"])
    assert CommandLine(tmp_path / "new")("restore", str(tmp_path / "chest")).code == ExitCode.BAD_DATA


def test_a_full_target_is_told_and_the_earlier_backup_stays(pillarbox: CommandLine, tmp_path: Path) -> None:
    chest = tmp_path / "chest"
    pillarbox.done("backup", str(chest))
    with_mail(pillarbox.data, "alice", fill)
    said = subprocess.run(
        [sys.executable, "-m", "pillarbox", "backup", str(chest), "--data", str(pillarbox.data)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == ExitCode.UNAVAILABLE, said.stderr
    assert "no room" in said.stderr
    assert len(pillarbox.done("backup", "list", str(chest), "--json").json) == 1
    assert "all is well" in pillarbox.done("backup", "verify", str(chest)).out
    pillarbox.done("backup", str(chest))


def test_a_backup_of_nothing_or_into_itself_is_refused(pillarbox: CommandLine, tmp_path: Path) -> None:
    assert pillarbox("backup", str(pillarbox.data / "chest")).code == ExitCode.USAGE
    assert pillarbox("backup", str(tmp_path)).code == ExitCode.USAGE
    assert pillarbox("backup", "list", str(tmp_path / "nothing")).code == ExitCode.UNAVAILABLE
    assert CommandLine(tmp_path / "no-server")("backup", str(tmp_path / "chest")).code == ExitCode.NO_INPUT
    assert pillarbox("backup", "prune", str(tmp_path / "chest"), "--keep", "0").code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["objects", "runs"])
def test_the_backup_is_for_its_owner_only(pillarbox: CommandLine, tmp_path: Path, name: str) -> None:
    pillarbox.done("backup", str(tmp_path / "chest"))
    assert (tmp_path / "chest" / name).stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "chest").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
