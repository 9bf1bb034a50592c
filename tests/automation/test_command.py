"""`pillarbox watch` as people run it: a process, a program for each message, SIGTERM and kill -9."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pillarbox.testing.server import ImapsServer
from tests.automation.conftest import PASSWORD
from tests.automation.place import Account, letter
from tests.cli.commands import run

NOTE = """#!{python}
import json, os, sys
message = sys.stdin.buffer.read()
with open({out!r}, "a") as out:
    facts = {{name: value for name, value in os.environ.items() if name.startswith("PILLARBOX_")}}
    out.write(json.dumps(facts | {{"message": message.decode()}}) + "\\n")
{then}
"""


class Program:
    """What --exec runs: notes what it got, then does what the test wants."""

    def __init__(self, folder: Path, then: str = "") -> None:
        self.out = folder / "got.jsonl"
        self.out.touch()
        self.path = folder / "program.py"
        self.path.write_text(NOTE.format(python=sys.executable, out=str(self.out), then=then))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def got(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]


class Watching:
    """A process that watches, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, part: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if part in line:
                return line
        raise AssertionError(f"never said {part!r}: {self.lines}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def pillarbox_watch(*words: str) -> Iterator[Watching]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pillarbox", "watch", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield Watching(process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def account(server: ImapsServer, tmp_path: Path) -> Account:
    name = tmp_path.name.replace("_", "")
    server.add_account(name, PASSWORD)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return Account(server.host, server.port, server.ca_file, name, PASSWORD)


def words(account: Account, folder: Path, program: Path | str, *more: str) -> list[str]:
    return [
        f"imaps://{account.user}@{account.host}:{account.port}",
        *("--exec", str(program), "--ca-file", str(account.ca_file), "--password-file", str(folder / "password")),
        *("--checkpoint", str(folder / "watch.db"), "--pause", "0.01", *more),
    ]


def test_a_program_gets_the_message_and_its_facts_and_metrics_count(
    account: Account, server: ImapsServer, tmp_path: Path
) -> None:
    program, figures = Program(tmp_path, "os.kill(os.getppid(), 15)"), tmp_path / "figures.prom"
    more = ("--then", "move:Done", "--metrics-port", "0", "--metrics-file", str(figures))
    with pillarbox_watch(*words(account, tmp_path, program.path, *more)) as watch:
        url = watch.until("metrics at").split()[-1]
        watch.until("watching")
        labels = f'{{account="{account.user}@localhost:{server.port}",mailbox="INBOX"}}'
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert f"\npillarbox_watch_up{labels} 1\n" in answer.read().decode()
        uid = server.deliver(account.user, letter("Grüße; $(rm)\x07"), flags=["\\Flagged"])
        assert watch.process.wait(60) == 0
    assert f"\npillarbox_watch_done_total{labels} 1\n" in figures.read_text()
    assert f"\npillarbox_watch_up{labels} 0\n" in figures.read_text()
    (got,) = program.got
    assert got["message"].encode() == letter("Grüße; $(rm)\x07")
    assert got["PILLARBOX_SUBJECT"].endswith("; $(rm) ")
    assert (got["PILLARBOX_UID"], got["PILLARBOX_MAILBOX"], got["PILLARBOX_FLAGS"]) == (str(uid), "INBOX", "\\Flagged")
    assert (got["PILLARBOX_FROM"], got["PILLARBOX_ATTEMPT"]) == ("Bob <bob@example.org>", "1")
    assert server.messages(account.user) == []
    assert len(server.messages(account.user, "Done")) == 1


def test_a_process_killed_while_the_program_runs_hands_over_again_with_the_same_key(
    account: Account, server: ImapsServer, tmp_path: Path
) -> None:
    killer = Program(tmp_path, "os.kill(os.getppid(), 9)")
    with pillarbox_watch(*words(account, tmp_path, killer.path)) as watch:
        watch.until("watching")
        server.deliver(account.user, letter("one"))
        assert watch.process.wait(60) == -signal.SIGKILL
    program = Program(tmp_path, f"open({str(tmp_path / 'done')!r}, 'w').close(); os.kill(os.getppid(), 15)")
    with pillarbox_watch(*words(account, tmp_path, program.path)) as watch:
        assert watch.process.wait(60) == 0
    first, second = killer.got
    assert [each["PILLARBOX_ATTEMPT"] for each in (first, second)] == ["1", "2"]
    assert first["PILLARBOX_IDEMPOTENCY_KEY"] == second["PILLARBOX_IDEMPOTENCY_KEY"]
    with pillarbox_watch(*words(account, tmp_path, program.path)) as watch:
        watch.until("watching")
        server.deliver(account.user, letter("two"))
        assert watch.process.wait(60) == 0
    assert [each["PILLARBOX_SUBJECT"] for each in program.got] == ["one", "one", "two"]


def test_sigterm_lets_the_program_finish(account: Account, server: ImapsServer, tmp_path: Path) -> None:
    """The program itself sends the signal, and then still has work to do."""
    finished = tmp_path / "finished"
    program = Program(
        tmp_path, f"os.kill(os.getppid(), 15); import time; time.sleep(0.3); open({str(finished)!r}, 'w')"
    )
    with pillarbox_watch(*words(account, tmp_path, program.path, "--then", "delete")) as watch:
        watch.until("watching")
        server.deliver(account.user, letter("one"))
        assert watch.process.wait(60) == 0
    assert finished.exists()
    assert server.messages(account.user) == []


def test_a_program_that_takes_too_long_is_ended_and_its_message_flagged(
    account: Account, server: ImapsServer, tmp_path: Path
) -> None:
    program = Program(
        tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); import time; time.sleep(600)"
    )
    more = ("--timeout", "3", "--attempts", "1", "--dead-letter", "flag:$Failed")
    with pillarbox_watch(*words(account, tmp_path, program.path, *more)) as watch:
        watch.until("watching")
        uid = server.deliver(account.user, letter("slow"))
        assert "it took longer than 3 s" in watch.until("attempt 1 of 1 failed")
        watch.until("given up after 1 attempts")
        assert watch.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert "$Failed" in server.flags(account.user)[uid]


def test_many_accounts_stand_in_a_file(account: Account, server: ImapsServer, tmp_path: Path) -> None:
    program = Program(tmp_path, "sys.exit(3 if 'bad' in message.decode() else 0)")
    plan = tmp_path / "watch.toml"
    server.deliver(account.user, letter("filed"), mailbox="Work")
    plan.write_text(f"""
checkpoint = "watch.db"
[[watch]]
url = "imaps://{account.user}@{account.host}:{account.port}"
password_file = "password"
ca_file = "{account.ca_file}"
mailboxes = ["INBOX", "Work"]
exec = ["{program.path}"]
then = "flag:$Processed"
dead_letter = "Failed"
attempts = 1
existing = true
""")
    with pillarbox_watch("--config", str(plan)) as watch:
        watch.until("watching")
        watch.until("watching")
        server.deliver(account.user, letter("bad"))
        assert "exit code 3" in watch.until("attempt 1 of 1 failed")
        watch.until("given up")
        assert watch.stop() == 0
    assert sorted(each["PILLARBOX_MAILBOX"] for each in program.got) == ["INBOX", "Work"]
    assert len(server.messages(account.user, "Failed")) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("checkpoint = 1", "checkpoint must be str"),
        ("checkpoint = 'x'", "[[watch]]"),
        ("nonsense", "not TOML"),
        ("checkpoint = 'x'\n[[watch]]\nurll = 'x'", 'watch 1: there is no "urll"'),
        ("checkpoint = 'x'\n[[watch]]\npassword_file = 'none'", "watch 1: there is no command"),
        ("checkpoint = 'x'\n[[watch]]\npassword_file = 'none'\nexec = 'true'\nurl = 'imap://x'", "expected imaps://"),
        ("checkpoint = 'x'\n[[watch]]\npassword_file = 'none'\nexec = 'true'\nurl = 'imaps://a@x'", "can't read"),
    ],
)
def test_mistakes_in_the_file_are_told(tmp_path: Path, text: str, told: str) -> None:
    from pillarbox.automation.configuration import PlanInvalid, read_plan

    plan = tmp_path / "watch.toml"
    plan.write_text(text)
    with pytest.raises(PlanInvalid) as mistake:
        read_plan(plan)
    assert told in str(mistake.value)


def test_mistyped_words_and_refusals_have_exit_codes_of_their_own(account: Account, tmp_path: Path) -> None:
    assert run("watch", "imaps://alice@localhost").code == 64
    assert "move:MAILBOX" in run("watch", "imaps://a@localhost", "--exec", "true", "--then", "burn").err
    (tmp_path / "password").write_text("wrong\n")
    refused = run("watch", *words(account, tmp_path, "true"))
    assert (refused.code, "the server refused" in refused.err, "Traceback" in refused.err) == (69, True, False)
