"""`pillarbox migrate` from a real Dovecot into a running Pillarbox: whole, again, interrupted."""

from __future__ import annotations

from tests.cli.commands import Said, run
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer
from tests.transfer.old_account import PASSWORD, connect, fill, seen


def migrate(source: DovecotServer, home: PillarboxServer, user: str, *words: str, password: str = PASSWORD) -> Said:
    return run(
        "migrate", f"imaps://{user}@{source.host}:{source.port}", "--user", user, "--ca-file", str(source.ca_file),
        "--data", str(home.data), "--json", "--password-stdin", *words, stdin=password + "\n",
    )  # fmt: skip


def begin(source: DovecotServer, home: PillarboxServer, user: str, messages: int = 40) -> None:
    source.add_account(user, PASSWORD)
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
