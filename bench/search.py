"""Searches beside Dovecot (without a full-text index), the same mail, the same client, the same run.

    .venv/bin/python -m bench.search                          20,000 messages, 5 rounds
    .venv/bin/python -m bench.search --messages 100000 --rounds 3

Every search, and SORT and THREAD of all messages.

Every round runs every search on both servers, one right after the other, and the next round in the other order.
Shown: the median time, the median CPU time of the server's processes, and Dovecot's time divided by ours (above 1:
Pillarbox is faster). Both servers are warm and, with --check, gave the same answers. Pillarbox's index is complete;
how long that took, and how large it is, stands below the table. Ratios travel; absolute times belong to the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import psutil  # type: ignore[import-untyped]  # ships no types
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import RawClient
from bench.figures import append_command
from bench.letters import Letter, letters
from bench.run import LOGIN, start
from tests.servers.pillarbox_server import PillarboxServer

RARE = b"xylophone"
RARE_EVERY = 1_000
GROUP = 50

SEARCHES = {
    "TEXT, no hit": b"TEXT zzgargoyle",
    "BODY, rare word": b"BODY xylophone",
    "BODY, mid-word of a rare word": b"BODY ylophon",
    "TEXT, common word": b"TEXT lantern",
    "BODY, mid-word of a common word": b"BODY anter",
    "BODY, two terms": b"BODY granite BODY xylophone",
    "BODY, phrase": b'BODY "granite meadow"',
    "SUBJECT, common word": b"SUBJECT lantern",
    "SUBJECT, rare": b"SUBJECT 12345",
    "FROM": b"FROM emre",
    "HEADER Message-ID": b"HEADER Message-ID 777.",
    "SINCE": b"SINCE 1-Jan-2022",
    "SINCE and BODY": b"SINCE 1-Jan-2022 BODY lantern",
    "UNSEEN": b"UNSEEN",
    "UNSEEN and SUBJECT": b"UNSEEN SUBJECT harbour",
    "NOT BODY": b"NOT BODY xylophone",
}
ORDERS = {
    "SORT by date": b"UID SORT (DATE) UTF-8 ALL",
    "SORT by subject": b"UID SORT (SUBJECT) UTF-8 ALL",
    "SORT by from": b"UID SORT (FROM) UTF-8 ALL",
    "THREAD by references": b"UID THREAD REFERENCES UTF-8 ALL",
}
"""As a whole, of the same mail; bench/order.py has them in conversations, and after an arrival."""
COMMANDS = {name: b"UID SEARCH RETURN (COUNT) " + criteria for name, criteria in SEARCHES.items()} | ORDERS


@dataclass(slots=True)
class Row:
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)


def with_rare_words(count: int) -> list[Letter]:
    """The letters; one in a thousand has the rare word in its first text."""
    planted = []
    for number, letter in enumerate(letters(count)):
        content = letter.content
        if number % RARE_EVERY == 500:
            head, _, body = content.partition(b"\r\n\r\n")
            at = body.find(b"\r\n\r\n") + 4 if body.startswith(b"--") else 0
            content = head + b"\r\n\r\n" + body[:at] + b"a " + RARE + b" here\r\n" + body[at:]
        planted.append(Letter(content, letter.internal_date, letter.flags))
    return planted


def cpu_seconds(process_id: int) -> float:
    """CPU time of a server's processes so far."""
    master = psutil.Process(process_id)
    times = [process.cpu_times() for process in (master, *master.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="pillarbox,dovecot")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("pillarbox.toml"))
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    rows = {name: Row() for name in COMMANDS}
    with ExitStack() as stack:
        servers = start(stack, chosen.servers.split(","), chosen.config)
        clients = {name: RawClient(server, LOGIN) for name, server in servers.items()}
        mail = with_rare_words(chosen.messages)
        begun = time.perf_counter()
        for client in clients.values():
            client.run(b"CREATE big")
            for at in range(0, len(mail), GROUP):
                client.run(append_command(b"big", mail[at : at + GROUP]))
            client.run(b"SELECT big")
        filled = time.perf_counter() - begun
        told = _wait_for_index(servers["Pillarbox"]) if "Pillarbox" in servers else {}
        told["filled"] = f"{filled:.0f} s"
        pillarbox = servers.get("Pillarbox")
        if isinstance(pillarbox, PillarboxServer):
            told["texts"] = _texts(pillarbox.data)
        order = list(clients)
        for _ in range(chosen.rounds):
            for name, text in COMMANDS.items():
                for server in order:
                    cpu, wall = cpu_seconds(servers[server].process_id), time.perf_counter()
                    clients[server].run(text)
                    rows[name].seconds.setdefault(server, []).append(time.perf_counter() - wall)
                    spent = cpu_seconds(servers[server].process_id) - cpu
                    rows[name].cpu_seconds.setdefault(server, []).append(spent)
            order.reverse()
        answers = {name: {server: _count(clients[server], COMMANDS[name]) if name in SEARCHES else chosen.messages
                          for server in clients} for name in COMMANDS}  # fmt: skip
    console.print(_table(rows, answers, list(clients), f"{chosen.messages:,} messages, median of {chosen.rounds}"))
    for name, value in told.items():
        console.print(f"{name}: {value}")


def _count(client: RawClient, text: bytes) -> int:
    client.run(text)
    return int(client.last_line.split("COUNT ")[1].split("\r\n")[0].split(" ")[0])


def _wait_for_index(server: PillarboxServer) -> dict[str, str]:
    begun, first, state = time.perf_counter(), None, {}
    while first is None or state["waiting"]:
        accounts = json.loads(server.command("search", "status", "--json"))
        state = next(account for account in accounts if account["name"] == LOGIN[0])
        first = first or state
        time.sleep(0.5)
    spent, done = time.perf_counter() - begun, state["indexed"] - first["indexed"]
    return {
        "indexed while waiting": f"{done} messages in {spent:.1f} s, {done / spent:.0f} a second",
        "index": f"{state['size_bytes'] / 1e6:.1f} MB for {state['total']} messages",
    }


def _texts(data: Path) -> str:
    """How large the texts are that the index is of."""
    path = max(data.rglob("search.db"), key=lambda found: found.stat().st_size)
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as index:
        tables = ("header_text", "body_text")
        sizes = [index.execute(f"SELECT sum(octet_length(text)) FROM {table}").get for table in tables]
    return f"{sizes[0] / 1e6:.1f} MB of headers, {sizes[1] / 1e6:.1f} MB of bodies, as they are compared"


def _table(rows: dict[str, Row], answers: dict[str, dict[str, int]], servers: list[str], title: str) -> Table:
    table = Table(title=title)
    table.add_column("search", no_wrap=True)
    for server in servers:
        for what in ("ms", "CPU ms", "found"):
            table.add_column(f"{server} {what}", justify="right")
    table.add_column("times faster", justify="right")
    for name, row in rows.items():
        cells, medians = [], {}
        for server in servers:
            medians[server] = statistics.median(row.seconds[server])
            cpu = statistics.median(row.cpu_seconds[server])
            cells += [f"{medians[server] * 1e3:,.1f}", f"{cpu * 1e3:,.0f}", f"{answers[name][server]:,}"]
        ratio = f"{medians['Dovecot'] / medians['Pillarbox']:.1f}" if len(medians) == 2 else "-"
        table.add_row(name, *cells, ratio)
    return table


if __name__ == "__main__":
    main()
