"""Delivery through LMTP: Pillarbox and Dovecot, the same messages, the same client, the same run.

    .venv/bin/python -m bench.delivery                       2,000 messages, 3 rounds, 1 and 4 connections
    .venv/bin/python -m bench.delivery --messages 500 --rounds 1

Both on a Unix socket, one message a transaction to one recipient, ten accounts in turn; both say 250 when the message
is synced to disk (Dovecot: mail_fsync = always; Pillarbox knows no other way). Every round measures both, in turn
first. Shown: the median rate, and Pillarbox's divided by Dovecot's (above 1: Pillarbox is faster).
Dovecot's LMTP is Debian's dovecot-lmtpd.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.letters import letters
from tests.lmtp.client import LmtpClient
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

PEOPLE = [f"person{number}" for number in range(10)]


class DovecotLmtp(DovecotServer):
    """Dovecot with its LMTP service beside IMAP."""

    @property
    def socket_path(self) -> Path:
        return self.folder / "lmtp.sock"

    def _configuration(self) -> str:
        text = super()._configuration()
        return (
            text.replace("protocols = imap\n", "protocols = imap lmtp\n").replace(
                "mail_fsync = optimized", "mail_fsync = always"
            )
            + f"""
auth_username_format = %n
postmaster_address = postmaster@example.org
service lmtp {{
  process_min_avail = 4
  vsz_limit = 1G
  unix_listener {self.folder}/lmtp.sock {{
    mode = 0666
  }}
}}
"""
        )


def feed(texts: list[bytes], connections: int, path: Path, unique: str) -> float:
    """Deliver all texts over so many connections; the seconds it took."""
    failures: list[str] = []

    def send(number: int) -> None:
        with LmtpClient(path) as client:
            client.ask("LHLO bench.example.org")
            for index in range(number, len(texts), connections):
                text = b"X-Run: %b-%d\r\n" % (unique.encode(), index) + texts[index]
                replies = client.deliver([PEOPLE[index % len(PEOPLE)]], text, "bench@example.org")
                failures.extend(reply for reply in replies if not reply.startswith("250"))
                if not replies:
                    failures.append("recipient refused")

    senders = [threading.Thread(target=send, args=(number,)) for number in range(connections)]
    start = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took = time.perf_counter() - start
    if failures:
        raise RuntimeError(f"{len(failures)} not delivered, such as: {failures[0]}")
    return took


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--messages", type=int, default=2_000)
    reading.add_argument("--rounds", type=int, default=3)
    reading.add_argument("--workers", type=int, default=1, help="of Pillarbox; Dovecot has 4 LMTP processes")
    reading.add_argument("--json", type=Path)
    given = reading.parse_args()
    texts = [_stuffed(letter.content) for letter in letters(given.messages)]
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        dovecot = stack.enter_context(DovecotLmtp(users=[(name, "x") for name in PEOPLE]))
        (folder / "pillarbox.toml").write_text(f'[lmtp]\nsocket_path = "{folder}/lmtp.sock"\n')
        pillarbox = stack.enter_context(
            PillarboxServer(folder / "data", config=folder / "pillarbox.toml", workers=given.workers)
        )
        pillarbox.add_accounts([(name, "correct horse battery") for name in PEOPLE])
        sides = {"dovecot": dovecot.socket_path, "pillarbox": folder / "lmtp.sock"}
        results = {
            str(connections): measure(sides, given.rounds, partial(feed, texts, connections)) for connections in (1, 4)
        }
    size = sum(map(len, texts)) / len(texts) / 1024
    print(f"{len(texts)} messages of {size:.1f} KiB, {given.rounds} rounds, Pillarbox workers: {given.workers}")
    for connections, seconds in results.items():
        rates = {side: len(texts) / statistics.median(values) for side, values in seconds.items()}
        said = ", ".join(f"{side} {rate:.0f}/s" for side, rate in rates.items())
        print(f"{connections} connections: {said}, ratio {rates['pillarbox'] / rates['dovecot']:.2f}")
    if given.json is not None:
        given.json.write_text(json.dumps(results))


def measure(sides: dict[str, Path], rounds: int, run: Callable[[Path, str], float]) -> dict[str, list[float]]:
    """Seconds of every round, by side."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in sorted(sides, reverse=bool(number % 2)):
            seconds[side].append(run(sides[side], f"{time.time_ns()}"))
    return seconds


def _stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2."""
    text = content if content.endswith(b"\r\n") else content + b"\r\n"
    return (b"." if text.startswith(b".") else b"") + text.replace(b"\r\n.", b"\r\n..")


if __name__ == "__main__":
    main()
