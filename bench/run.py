"""Pillarbox and Dovecot, the same mail, the same client, the same run: figures side by side.

    .venv/bin/python -m bench.run                    20,000 messages, 5 rounds, both servers
    .venv/bin/python -m bench.run --messages 2000 --rounds 3 --servers dovecot --json figures.json

Every round runs every figure on both servers, one right after the other, and the next round in the other order;
what is shown is the median over the rounds, and Pillarbox's time divided by Dovecot's (below 1: Pillarbox is faster).
Absolute times belong to the machine; ratios travel. Figures "first time" run once. The client only counts bytes;
"client" is the CPU time that it took itself in Pillarbox's median run, as a share of the time measured.

Durability. Both acknowledge APPEND, COPY, MOVE and EXPUNGE after an fsync (Dovecot: mail_fsync=optimized, its
default). Pillarbox syncs STORE and CREATE too; Dovecot does not sync flags. Passwords are Argon2id on both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import Peer, RawClient
from bench.figures import FIGURES, FIRST, Bench, Figure, append_command
from bench.letters import Letter, letters
from tests.servers.dovecot import DovecotServer, Scheme
from tests.servers.pillarbox_server import PillarboxServer

LOGIN = ("ann@example.org", "correct horse battery")
FILL_GROUP = 50
SCALE = {"ms": 1e3, "us": 1e6, "KiB": 1.0}


@dataclass(slots=True)
class Row:
    """One figure's results by server: seconds (or KiB) of every round, and the client's CPU seconds."""

    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    client_cpu_seconds: dict[str, list[float]] = field(default_factory=dict)
    wall_seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, server: str) -> float | None:
        values = self.values.get(server)
        return statistics.median(values) if values else None


class Run:
    """All servers, all figures."""

    def __init__(self, benches: dict[str, Bench], console: Console) -> None:
        self.benches = benches
        self.console = console
        self.rows: dict[str, Row] = {}

    def measure(self, figure: Figure, backwards: Sequence[str]) -> None:
        """One figure on every server, in the order given."""
        for name in backwards:
            cpu, wall = time.process_time(), time.perf_counter()
            value = figure.run(self.benches[name])
            row = self.rows.setdefault(figure.name, Row(figure.unit))
            row.values.setdefault(name, []).append(value)
            row.client_cpu_seconds.setdefault(name, []).append(time.process_time() - cpu)
            row.wall_seconds.setdefault(name, []).append(time.perf_counter() - wall)

    def fill(self, count: int) -> None:
        """The same letters into `big` of every server, group by group."""
        spent = dict.fromkeys(self.benches, 0.0)
        group: list[Letter] = []
        for bench in self.benches.values():
            bench.client.run(b"CREATE big")
        for number, letter in enumerate(letters(count), 1):
            group.append(letter)
            if len(group) == FILL_GROUP or number == count:
                command = append_command(b"big", group)
                for name, bench in self.benches.items():
                    spent[name] += bench.timed(command)
                group = []
        row = self.rows.setdefault(f"fill, MULTIAPPEND x {FILL_GROUP}, per message", Row("us"))
        for name, bench in self.benches.items():
            row.values[name] = [spent[name] / count]
            bench.client.run(b"SELECT big")

    def memory(self, connections: int) -> None:
        """PSS of all processes of each server before and after `connections` clients logged in and selected.

        After a restart, so that neither reuses memory that earlier figures left, and with some clients there
        already, so that what is loaded once doesn't count.
        """
        row = self.rows.setdefault(f"memory per idle connection of {connections}", Row("KiB"))
        base = self.rows.setdefault("memory of the server with 10 connections", Row("KiB"))
        for name, bench in self.benches.items():
            bench.client.close()
            bench.server.restart()
            clients = [_selected(bench) for _ in range(10)]
            process_id = bench.server.process_id
            before = pss_kib(process_id)
            clients += [_selected(bench) for _ in range(connections)]
            row.values[name] = [(pss_kib(process_id) - before) / connections]
            base.values[name] = [before]
            for client in clients:
                client.close()

    def table(self, title: str) -> Table:
        """Medians and ratios."""
        table = Table(title=title)
        table.add_column("figure", no_wrap=True)
        for name in self.benches:
            table.add_column(name, justify="right")
        table.add_column("ratio", justify="right")
        table.add_column("client", justify="right")
        for name, row in self.rows.items():
            medians = {server: row.median(server) for server in self.benches}
            cells = [
                "-" if value is None else f"{value * SCALE[row.unit]:,.1f} {row.unit}" for value in medians.values()
            ]
            table.add_row(name, *cells, _ratio(medians), _client_share(row))
        return table


def _selected(bench: Bench) -> RawClient:
    client = RawClient(bench.server, LOGIN)
    client.run(b"SELECT big")
    return client


def _ratio(medians: dict[str, float | None]) -> str:
    ours, theirs = medians.get("Pillarbox"), medians.get("Dovecot")
    if ours is None or not theirs:
        return "-"
    ratio = ours / theirs
    return f"[{'green' if ratio <= 1 else 'red'}]{ratio:.2f}[/]"


def _client_share(row: Row) -> str:
    server = "Pillarbox" if "Pillarbox" in row.wall_seconds else next(iter(row.wall_seconds), None)
    if server is None:
        return ""
    return f"{sum(row.client_cpu_seconds[server]) / sum(row.wall_seconds[server]):.0%}"


def pss_kib(process_id: int) -> float:
    """Proportional set size of a process and all below it."""
    master = psutil.Process(process_id)
    total = 0.0
    for process in (master, *master.children(recursive=True)):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += float(line.split()[1])
    return total


def start(stack: ExitStack, names: Sequence[str], config: Path | None) -> dict[str, Peer]:
    """The servers that take part, running, with one account."""
    servers: dict[str, Peer] = {}
    if "pillarbox" in names:
        servers["Pillarbox"] = stack.enter_context(PillarboxServer(config=config))
    if "dovecot" in names:
        servers["Dovecot"] = stack.enter_context(DovecotServer(scheme=Scheme.ARGON2ID))
    for server in servers.values():
        server.add_account(*LOGIN)
    return servers


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=300, help="idle connections for the memory figure; 0: none")
    parser.add_argument("--servers", default="pillarbox,dovecot", help="which of them, with commas")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("pillarbox.toml"))
    parser.add_argument("--json", type=Path, help="write every single measurement here")
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    with ExitStack() as stack:
        servers = start(stack, chosen.servers.split(","), chosen.config)
        some = list(letters(500))
        benches = {
            name: Bench(server, LOGIN, RawClient(server, LOGIN), chosen.messages, some)
            for name, server in servers.items()
        }
        run = Run(benches, console)
        with console.status(f"filling {chosen.messages:,} messages"):
            run.fill(chosen.messages)
        order = list(benches)
        for figure in FIRST:
            run.measure(figure, order)
        for number in range(chosen.rounds):
            with console.status(f"round {number + 1} of {chosen.rounds}") as status:
                for figure in FIGURES:
                    status.update(f"round {number + 1} of {chosen.rounds}: {figure.name}")
                    run.measure(figure, order)
            order.reverse()
        if chosen.connections:
            run.memory(chosen.connections)
    console.print(run.table(f"{chosen.messages:,} messages, median of {chosen.rounds} rounds"))
    if chosen.json:
        results = {name: {"unit": "KiB" if row.unit == "KiB" else "s", **row.values} for name, row in run.rows.items()}
        chosen.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
