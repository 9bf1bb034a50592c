"""imapflow, the JavaScript client under many web mail programs; it runs in Node, see imapflow_driver.mjs."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from .account import Account
from .letters import BIG, PICTURE, PICTURES, PLAIN, VARIED, letter
from .programs import ClientHome, find_program
from .witness import Witness

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def imapflow_package() -> Path:
    """The driver, with imapflow installed beside it in the version that package.json names; once for all processes."""
    installed = HERE / "node_modules" / "imapflow" / "package.json"
    npm = find_program("npm")
    with (HERE / "package.json").open() as package:
        fcntl.flock(package, fcntl.LOCK_EX)
        wanted = json.load(package)["dependencies"]["imapflow"]
        if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
            command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=200, check=False)
            if done.returncode != 0:
                pytest.fail(f"`npm install` in tests/interop failed:\n{done.stderr}", pytrace=False)
    return HERE / "imapflow_driver.mjs"


@dataclass(frozen=True, slots=True)
class ImapFlow:
    account: Account
    home: ClientHome
    driver: Path

    def command(self, scenario: str) -> list[str]:
        return [find_program("node"), str(self.driver), scenario, str(self.home.path)]

    def entrance(self, **question: object) -> bytes:
        account = self.account
        entrance = {
            "host": account.host,
            "port": account.port,
            "ca_file": str(account.ca_file),
            "user": account.user,
            "password": account.password,
            "question": question,
        }
        return json.dumps(entrance).encode()

    def __call__(self, scenario: str, **question: object) -> Any:  # Any: whatever JSON the scenario prints
        """Run a scenario of the driver; returns what it saw."""
        return json.loads(self.home.run(self.command(scenario), stdin=self.entrance(**question)))


@pytest.fixture
def imapflow(account: Account, home: ClientHome, imapflow_package: Path) -> ImapFlow:
    return ImapFlow(account, home, imapflow_package)


def test_imapflow_connects_and_knows_the_namespace(imapflow: ImapFlow) -> None:
    seen = imapflow("greet")
    assert seen["secure"] is True
    assert {"IDLE", "UIDPLUS", "MOVE", "CONDSTORE", "ENABLE"} <= set(seen["capabilities"])
    assert "CONDSTORE" in seen["enabled"]
    assert seen["namespace"]["delimiter"] == "/"
    assert seen["namespace"]["prefix"] == ""


def test_imapflow_knows_that_its_password_is_wrong(imapflow: ImapFlow, home: ClientHome) -> None:
    wrong = replace(imapflow, account=replace(imapflow.account, password="green teapot"))
    done = home.attempt(wrong.command("greet"), stdin=wrong.entrance())
    assert done.returncode == 2
    seen = json.loads(done.stdout)
    assert seen["authenticationFailed"] is True
    assert seen["serverResponseCode"] == "AUTHENTICATIONFAILED"


def test_imapflow_refuses_a_server_whose_authority_it_does_not_know(imapflow: ImapFlow, home: ClientHome) -> None:
    trusting = replace(imapflow, account=replace(imapflow.account, ca_file=Path("/etc/ssl/certs/ca-certificates.crt")))
    done = home.attempt(trusting.command("greet"), stdin=trusting.entrance())
    assert done.returncode != 0
    assert b"certificate" in done.stderr


def test_imapflow_appends_and_fetches_the_very_bytes(imapflow: ImapFlow, home: ClientHome, witness: Witness) -> None:
    contents = (*VARIED, BIG)
    for number, content in enumerate(contents):
        (home.path / f"up{number}.eml").write_bytes(content)
    answers = imapflow("append", files=[f"up{number}.eml" for number in range(len(contents))])
    assert [answer["uid"] for answer in answers] == [1, 2, 3, 4, 5]
    assert {answer["uidValidity"] for answer in answers} == {str(witness.state()[b"UIDVALIDITY"])}
    seen = imapflow("download")
    assert [(home.path / f"{uid}.eml").read_bytes() for uid in range(1, 6)] == list(contents)
    for row, content in zip(seen, contents, strict=True):
        assert row["flags"] == ["Work", "\\Seen"]
        assert row["date"] == "2021-05-06T07:08:09.000Z"
        assert row["size"] == len(content)
    assert seen[1]["subject"] == "Привет, 世界"
    assert seen[1]["sender"] == [{"name": "Jürgen Grüße", "address": "juergen@example.de"}]
    assert "<pictures@example.org>" in seen[2]["headers"]


def test_imapflow_reads_structures_and_decodes_parts(imapflow: ImapFlow, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    structure = imapflow("download")[2]["structure"]
    assert structure["type"] == "multipart/mixed"
    related, book = structure["childNodes"]
    assert [node["type"] for node in related["childNodes"]] == ["text/html", "image/png"]
    assert related["childNodes"][1]["id"] == "<dot@example.org>"
    assert book["dispositionParameters"]["filename"] == "Bücher.pdf"
    picture = imapflow("part", uid="3", part="1.2")
    assert (picture["type"], picture["filename"], base64.b64decode(picture["data"])) == (
        "image/png",
        "dot.png",
        PICTURE,
    )
    text = imapflow("part", uid="3", part="1.1")
    assert "Schöne Grüße" in base64.b64decode(text["data"]).decode()


def test_imapflow_sets_flags(imapflow: ImapFlow, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    assert imapflow("flags") == {"1": ["$Label1", "\\Flagged"], "2": ["$Label1"], "3": ["\\Answered"], "4": []}
    assert witness.flags() == {
        1: frozenset({"$Label1", "\\Flagged"}),
        2: frozenset({"$Label1"}),
        3: frozenset({"\\Answered"}),
        4: frozenset(),
    }


def test_imapflow_searches(imapflow: ImapFlow, witness: Witness) -> None:
    for content, flag in zip(VARIED, ("\\Seen", "\\Flagged", "\\Seen", "\\Seen"), strict=True):
        witness.put(content, flags=[flag])
    assert imapflow("search") == {
        "all": [1, 2, 3, 4],
        "unseen": [2],
        "subject": [2],
        "body": [3],
        "either": [2, 4],
        "not": [2, 4],
        "larger": [uid for uid, content in enumerate(VARIED, start=1) if len(content) > 600],
    }


def test_imapflow_manages_mailboxes(imapflow: ImapFlow) -> None:
    seen = imapflow("mailboxes")
    assert seen["created"] == "Bücher/Köln & Bonn"
    assert seen["status"] == {"messages": 0, "uidNext": 1}
    assert seen["listed"]["INBOX"] == 0
    assert seen["listed"]["Regal/Köln & Bonn"] == 0
    assert "Regal/Köln & Bonn" not in seen["left"]
    assert seen["left"][0] == "INBOX"


def test_imapflow_is_told_which_mailbox_is_for_what(imapflow: ImapFlow, witness: Witness) -> None:
    """The one test here that Dovecot fails: its special uses need a configuration."""
    with witness.session() as client:
        client._imap._simple_command("CREATE", "Gesendet", r"(USE (\Sent))")
        client._imap._simple_command("CREATE", "Papierkorb", r"(USE (\Trash))")
    seen = imapflow("special")
    assert (seen["Gesendet"], seen["Papierkorb"]) == ("\\Sent", "\\Trash")


def test_imapflow_copies_moves_and_deletes(imapflow: ImapFlow, witness: Witness) -> None:
    witness.create("Archive")
    for content in VARIED:
        witness.put(content)
    seen = imapflow("move")
    assert seen == {"copied": [[1, 1], [2, 2]], "moved": [[3, 3]], "deleted": True, "exists": 2}
    assert witness.contents() == list(VARIED[:2])
    assert witness.contents("Archive") == list(VARIED[:3])


def test_imapflow_asks_only_for_what_changed(imapflow: ImapFlow, witness: Witness) -> None:
    with witness.session() as other:
        other.enable("CONDSTORE")
        other.select_folder("INBOX")
        for content in VARIED:
            other.append("INBOX", content)
    modseq = witness.state()[b"HIGHESTMODSEQ"]
    witness.add_flags(2, "\\Flagged")
    assert imapflow("changed", modseq=str(modseq)) == [{"uid": 2, "later": True}]


def test_imapflow_catches_up_by_qresync_in_a_compressed_stream_and_keeps_in_step(
    imapflow: ImapFlow, home: ClientHome, witness: Witness
) -> None:
    """What changed since its last session comes with SELECT (RFC 7162), what another client does then as VANISHED."""
    for content in VARIED:
        witness.put(content)
    known = witness.state()
    witness.add_flags(2, "\\Flagged")
    witness.remove(1)
    question = {"changedSince": str(known[b"HIGHESTMODSEQ"]), "uidValidity": str(known[b"UIDVALIDITY"])}
    with subprocess.Popen(
        imapflow.command("resync"),
        env=home.environment() | {"NODE_NO_WARNINGS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(imapflow.entrance(**question))
        running.stdin.close()
        assert running.stdout.readline() == b"idling\n"
        witness.remove(3)
        seen = json.loads(running.stdout.readline())
        assert running.wait(timeout=30) == os.EX_OK
    assert seen == {
        "compressed": True,
        "qresync": True,
        "caughtUp": {
            "flags": [{"uid": 2, "flags": ["\\Flagged"]}],
            "gone": [{"uid": 1, "vanished": True, "earlier": True}],
            "exists": 3,
        },
        "later": [{"uid": 3, "vanished": True, "earlier": False}],
        "after": [2, 4],
    }


def test_imapflow_gets_every_answer_to_its_pipelined_commands(imapflow: ImapFlow, witness: Witness) -> None:
    witness.put(PLAIN)
    witness.put(BIG)
    assert imapflow("pipelined") == {"sizes": [len(BIG)] * 10, "searches": [[1, 2]] * 10}


def test_imapflow_idling_hears_of_arrivals_flags_and_removals(
    imapflow: ImapFlow, home: ClientHome, witness: Witness
) -> None:
    witness.put(PICTURES)
    with subprocess.Popen(
        imapflow.command("idle"),
        env=home.environment() | {"NODE_NO_WARNINGS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(imapflow.entrance())
        running.stdin.close()
        assert running.stdout.readline() == b"idling\n"
        witness.put(letter("while you were idle"))
        assert running.stdout.readline() == b"arrived\n"
        witness.add_flags(1, "\\Flagged")
        assert running.stdout.readline() == b"flagged\n"
        witness.remove(1)
        seen = json.loads(running.stdout.readline())
        assert running.wait(timeout=30) == os.EX_OK
    assert seen == {
        "exists": {"count": 2, "previous": 1},
        "flags": {"seq": 1, "flags": ["\\Flagged"]},
        "expunged": 1,
        "after": [2],
    }
