"""`pillarbox migrate` from a real Courier: another hierarchy separator, a namespace prefix, no modern extension."""

from __future__ import annotations

from tests.cli.commands import run
from tests.servers.courier import CourierServer
from tests.servers.pillarbox_server import PillarboxServer
from tests.transfer.old_account import PASSWORD, connect, letter, seen


def test_an_account_comes_from_courier(new_home: PillarboxServer) -> None:
    new_home.add_account("kurt", PASSWORD)
    with CourierServer(["kurt"]) as courier:
        with connect(courier, "kurt") as client:
            for name in ("INBOX.Sent", "INBOX.Lists.python", "INBOX.Entwürfe"):
                client.create_folder(name)
            client.subscribe_folder("INBOX.Lists.python")
            for number in range(12):
                name = ("INBOX", "INBOX.Sent", "INBOX.Lists.python")[number % 3]
                client.append(name, letter(f"n{number}"), [(b"\\Seen",), (b"\\Flagged", b"\\Answered")][number % 2])
            client.append("INBOX", letter("large", 3_000_000))
        words = [
            "migrate", f"imaps://kurt@{courier.host}:{courier.port}", "--user", "kurt", "--ca-file",
            str(courier.ca_file), "--data", str(new_home.data), "--password-stdin", "--json", "--verify",
        ]  # fmt: skip
        said = run(*words, stdin=PASSWORD + "\n")
        assert said.code == 0, said.err
        assert (said.json[0]["messages"], said.json[0]["compared"], said.json[0]["different"]) == (13, 13, 0)
        there = seen(courier, "kurt")
        with connect(courier, "kurt") as client:
            client.select_folder("INBOX.Sent")
            client.add_flags([1], [b"\\Flagged"])
            client.delete_messages([2])
            client.expunge()
        later = run(*words, "--update-flags", "--expunge", stdin=PASSWORD + "\n")
        assert (later.code, later.json[0]["messages"], later.json[0]["different"]) == (0, 0, 0), later.err
        changed = seen(courier, "kurt")
    here = seen(new_home, "kurt")
    names = {"INBOX": "INBOX", "INBOX.Sent": "Sent", "INBOX.Lists.python": "Lists/python", "INBOX.Entwürfe": "Entwürfe"}
    assert set(there) == set(names)
    assert {names[name]: messages for name, messages in changed.items()} == {
        name: here[name] for name in names.values()
    }
    with connect(new_home, "kurt") as client:
        assert "Lists/python" in {name for _, _, name in client.list_sub_folders()}
