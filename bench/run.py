"""Pillarbox, Dovecot and Cyrus, the same mail, the same client, the same run: figures side by side.

    .venv/bin/python -m bench.run                    20,000 messages, 5 rounds, all servers
    .venv/bin/python -m bench.run --messages 2000 --rounds 3 --servers pillarbox,dovecot

Every round runs every figure on all servers, one right after the other, and the next round in the other order; what is
shown is the median over the rounds, and Pillarbox's time divided by that of Dovecot with mdbox (below 1: Pillarbox is
faster). "CPU" is the same for the CPU time of the servers' processes, preparation included. Absolute times belong to
the machine; ratios travel. Figures "first time" run once, while Pillarbox still digests and indexes what it took in;
before the rounds all servers come to rest. The client only counts bytes; "client" is the CPU time that it took itself,
as a share of the time measured.

Durability. All acknowledge APPEND, COPY, MOVE and EXPUNGE after an fsync. Pillarbox syncs STORE too; Dovecot does so
with mail_fsync=always ("Dovecot synced"), not with its default (the other two). Passwords are Argon2id on Pillarbox and
Dovecot. Table, picture and every single measurement are written to a folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import crowd, mbsync, report
from bench.client import RawClient
from bench.figures import FIGURES, FIRST, GROUP, LAST, Bench, Figure, append_command
from bench.letters import Letter, letters
from bench.peers import LOGIN, SERVERS, cpu_seconds, start
from bench.report import Row
from bench.step import idle_seconds, resynchronise

QUIET_SECONDS = 3
"""With next to no work: then a server is at rest. Pillarbox begins to index a second after the last arrival."""
SYNCED = 5_000
"""Messages that mbsync fetches."""


class Run:
    """All servers, all figures."""

    def __init__(self, benches: dict[str, Bench], console: Console) -> None:
        self.benches = benches
        self.console = console
        self.rows: dict[str, Row] = {}

    def row(self, name: str, unit: str) -> Row:
        """The row of a figure, a new one the first time."""
        return self.rows.setdefault(name, Row(unit))

    def measure(self, figure: Figure, order: Sequence[str]) -> None:
        """One figure on every server, in the order given."""
        for name in order:
            bench = self.benches[name]
            before = cpu_seconds(bench.server.process_id)
            client, wall = time.process_time(), time.perf_counter()
            value = figure.run(bench)
            row = self.row(figure.name, figure.unit)
            row.wall_seconds.setdefault(name, []).append(time.perf_counter() - wall)
            row.client_seconds.setdefault(name, []).append(time.process_time() - client)
            row.values.setdefault(name, []).append(value)
            row.cpu_seconds.setdefault(name, []).append(cpu_seconds(bench.server.process_id) - before)

    def fill(self, count: int) -> None:
        """The same letters into `big` of every server, group by group."""
        spent = dict.fromkeys(self.benches, 0.0)
        group: list[Letter] = []
        for bench in self.benches.values():
            bench.client.run(b"CREATE big")
        for number, letter in enumerate(letters(count), 1):
            group.append(letter)
            if len(group) == GROUP or number == count:
                command = append_command(b"big", group)
                for name, bench in self.benches.items():
                    spent[name] += bench.timed(command)
                group = []
        row = self.row(f"fill, MULTIAPPEND x {GROUP}, per message", "us")
        for name, bench in self.benches.items():
            row.values[name] = [spent[name] / count]
            bench.client.run(b"SELECT big")

    def rest(self, count: int) -> None:
        """Wait until no server does anything by itself any more; what all of it took from the start, in CPU time."""
        row = self.row("fill and all that follows from it, CPU per message", "us")
        for name, bench in self.benches.items():
            spent, quiet = cpu_seconds(bench.server.process_id), 0
            while quiet < QUIET_SECONDS:
                time.sleep(1)
                before, spent = spent, cpu_seconds(bench.server.process_id)
                quiet = quiet + 1 if spent - before < 0.03 else 0
            row.values[name] = [spent / count]

    def step(self, idlers: Sequence[int], rounds: int) -> None:
        """How fast devices hear of a change, and what catching up costs (bench/step.py)."""
        for count in idlers:
            for name in crowd.MEASURED:
                bench = self.benches.get(name)
                if bench is None:
                    continue
                try:
                    ordered = sorted(idle_seconds(bench.server, count, rounds))
                except TimeoutError as error:
                    self.console.print(f"{name}, {count} idling: {error}")
                    continue
                for place, share in (("p50", 0.5), ("p99", 0.99)):
                    value = ordered[min(int(len(ordered) * share), len(ordered) - 1)]
                    self.row(f"IDLE, {count} idling, {place}", "ms").values[name] = [value]
        for name, bench in self.benches.items():
            seconds, _ = resynchronise(bench.server, rounds)
            self.row("QRESYNC after 100 changes", "ms").values[name] = seconds

    def synchronise(self) -> None:
        """mbsync of many messages."""
        for name, bench in self.benches.items():
            bench.client.run(b"CREATE synced")
            bench.client.run(b"COPY 1:%d synced" % min(SYNCED, bench.messages))
            first, again = mbsync.fetch_twice(bench.server, "synced")
            self.row(f"mbsync of {SYNCED:,}, first", "ms").values[name] = [first]
            self.row(f"mbsync of {SYNCED:,}, again", "ms").values[name] = [again]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--workers", type=int, default=2, help="of Pillarbox; Dovecot and Cyrus have processes as needed"
    )
    parser.add_argument("--connections", default="1000,5000", help="of the memory figures, with commas; empty: none")
    parser.add_argument("--idlers", default="1,500", help="how many clients idle, with commas; empty: none")
    parser.add_argument("--servers", default=SERVERS, help="which of them, with commas, and synced")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("pillarbox.toml"))
    parser.add_argument("--only", default="", help="figures with this in their name, and nothing but rounds")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="the folder to write to")
    chosen = parser.parse_args(arguments)
    console = Console(width=150)
    with ExitStack() as stack:
        servers = start(stack, chosen.servers.split(","), chosen.config, chosen.workers)
        some = list(letters(500))
        benches = {
            name: Bench(server, LOGIN, RawClient(server, LOGIN), chosen.messages, some)
            for name, server in servers.items()
        }
        run = Run(benches, console)
        _run(run, chosen)
    names = list(benches)
    title = f"{chosen.messages:,} messages, median of {chosen.rounds} rounds, Pillarbox with {chosen.workers} workers"
    console.print(report.terminal(run.rows, names, title))
    chosen.out.mkdir(exist_ok=True)
    report.write_json(chosen.out / "figures.json", run.rows)
    (chosen.out / "table.md").write_text(report.markdown(run.rows, names))
    picture = report.picture(run.rows, f"Pillarbox beside Dovecot, {chosen.messages:,} messages")
    (chosen.out / "picture.svg").write_text(picture)


def _run(run: Run, chosen: argparse.Namespace) -> None:
    order = list(run.benches)
    with run.console.status(f"filling {chosen.messages:,} messages") as status:
        run.fill(chosen.messages)
        if not chosen.only:
            for figure in FIRST:
                run.measure(figure, order)
        status.update("waiting until all servers are at rest")
        run.rest(chosen.messages)
        for number in range(chosen.rounds):
            for figure in (*FIGURES, *LAST):
                if chosen.only in figure.name:
                    status.update(f"round {number + 1} of {chosen.rounds}: {figure.name}")
                    run.measure(figure, order)
            order.reverse()
        if chosen.only:
            return
        status.update("mbsync")
        run.synchronise()
        status.update("idling")
        run.step([int(count) for count in chosen.idlers.split(",") if count], chosen.rounds)
        status.update("memory of many connections")
        counts = [int(count) for count in chosen.connections.split(",") if count]
        if counts:
            crowd.measure({name: bench.server for name, bench in run.benches.items()}, counts, run.rows, run.console)


if __name__ == "__main__":
    main()
