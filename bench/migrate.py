"""How fast a whole account comes, beside mbsync bringing the same mail from the same server into another Dovecot.

    .venv/bin/python -m bench.migrate                                   20,000 messages, uninterrupted, then mbsync
    .venv/bin/python -m bench.migrate --interrupt --no-peer             kill -9 of ours, then of the source, in between

Both read the same Dovecot over TLS. mbsync writes into a second Dovecot over TLS as well (there is no tool that speaks
to a store directly as ours does), so its figure holds an IMAP server's work on top. With --interrupt our process is
killed with a third of the messages here, the source with two thirds (and started again); the run after that finishes,
compares every message and fails when anything differs or came twice.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import RawClient
from bench.figures import append_command
from bench.letters import letters
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

LOGIN = ("ann@example.org", "correct horse battery")
MAILBOXES = (b"INBOX", b"Sent", b"Lists/python", b"Archive/2019")
GROUP = 50


def fill(server: DovecotServer, count: int) -> int:
    """The letters, in turn into all mailboxes; how many bytes that is."""
    client = RawClient(server, LOGIN)
    for mailbox in MAILBOXES[1:]:
        client.run(b"CREATE " + mailbox)
    size_bytes, group, turn = 0, [], 0
    for number, letter in enumerate(letters(count), 1):
        group.append(letter)
        size_bytes += len(letter.content)
        if len(group) == GROUP or number == count:
            client.run(append_command(MAILBOXES[turn % len(MAILBOXES)], group))
            group, turn = [], turn + 1
    client.close()
    return size_bytes


class Ours:
    """`pillarbox migrate` into a running server."""

    def __init__(self, source: DovecotServer, home: PillarboxServer, folder: Path) -> None:
        self.home = home
        self.words = [
            sys.executable, "-m", "pillarbox", "migrate", f"imaps://{LOGIN[0]}@{source.host}:{source.port}",
            "--user", LOGIN[0], "--ca-file", str(source.ca_file), "--data", str(home.data), "--json",
            "--password-file", str(folder / "password"),
        ]  # fmt: skip
        (folder / "password").write_text(LOGIN[1] + "\n")

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.words, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str]) -> dict[str, object]:
        out, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"pillarbox migrate: exit code {process.returncode}\n{errors}")
        outcome: dict[str, object] = json.loads(out)[0]
        return outcome

    def here(self) -> int:
        listed = json.loads(self.home.command("mailbox", "list", "--user", LOGIN[0], "--json"))
        return sum(mailbox["messages"] for mailbox in listed)


def interrupted(ours: Ours, source: DovecotServer, count: int) -> None:
    """Killed twice, then finished and compared."""
    process = ours.start()
    wait_until(lambda: ours.here() >= count // 3, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    print(f"kill -9 of pillarbox migrate with {ours.here():,} messages here")
    process = ours.start()
    wait_until(lambda: ours.here() >= count * 2 // 3, process)
    source.kill()
    print(f"kill -9 of the source with {ours.here():,} messages here")
    time.sleep(2)
    source.restart()
    outcome = ours.finish(process)
    print(f"resumed by itself: {outcome['interruptions']} interruptions, {outcome['messages']:,} messages in that run")
    began = time.perf_counter()
    outcome = ours.finish(ours.start("--verify"))
    seconds = time.perf_counter() - began
    print(f"here {ours.here():,} of {count:,}; brought by the last run {outcome['messages']}")
    print(f"compared {outcome['compared']:,} in {seconds:.1f} s, {outcome['different']} differences")
    if ours.here() != count or outcome["compared"] != count or outcome["different"]:
        raise SystemExit("the accounts are not equal")


def wait_until(is_reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not is_reached():
        if process.poll() is not None:
            raise SystemExit(f"it ended too early:\n{process.communicate()[1]}")


def mbsync(source: DovecotServer, target: DovecotServer, folder: Path) -> float:
    """Seconds that mbsync takes for the same."""
    stores = "".join(
        f'IMAPAccount {name}\nHost {server.host}\nPort {server.port}\nUser {LOGIN[0]}\nPass "{LOGIN[1]}"\n'
        f"SSLType IMAPS\nCertificateFile {server.folder}/server.pem\nSystemCertificates no\n\n"
        f"IMAPStore {name}\nAccount {name}\n\n"
        for name, server in (("old", source), ("new", target))
    )
    channel = "Channel all\nFar :old:\nNear :new:\nPatterns *\nCreate Near\nSync Pull\nCopyArrivalDate yes\n"
    settings = folder / "mbsyncrc"
    settings.write_text(f"{stores}{channel}SyncState {folder}/state/\n")
    (folder / "state").mkdir()
    began = time.perf_counter()
    subprocess.run(["mbsync", "-q", "-c", settings, "all"], check=True, env=os.environ | {"HOME": str(folder)})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--interrupt", action="store_true")
    parser.add_argument("--no-peer", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, DovecotServer() as source, PillarboxServer() as home:
        folder = Path(name)
        source.add_account(*LOGIN)
        home.add_account(*LOGIN)
        size_bytes = fill(source, chosen.messages)
        print(f"{chosen.messages:,} messages, {size_bytes / 1e6:.0f} MB")
        ours = Ours(source, home, folder)
        if chosen.interrupt:
            interrupted(ours, source, chosen.messages)
        else:
            began = time.perf_counter()
            outcome = ours.finish(ours.start())
            report("pillarbox migrate", int(str(outcome["messages"])), size_bytes, time.perf_counter() - began)
            print(f"  at most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB of memory")
        if not chosen.no_peer:
            with DovecotServer() as target:
                target.add_account(*LOGIN)
                report("mbsync into Dovecot", chosen.messages, size_bytes, mbsync(source, target, folder))


def report(name: str, messages: int, size_bytes: int, seconds: float) -> None:
    rate = f"{messages / seconds:,.0f} messages/s, {size_bytes / 1e6 / seconds:.1f} MB/s"
    print(f"{name}: {messages:,} messages in {seconds:.1f} s, {rate}")


if __name__ == "__main__":
    main()
