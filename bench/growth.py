"""What operations cost as a mailbox grows: the same figures with 1,000, 10,000, 100,000 messages and a million.

    .venv/bin/python -m bench.growth
    .venv/bin/python -m bench.growth --sizes 1000,10000 --servers pillarbox

One mailbox on each server grows from size to size by the letters of bench.letters; at each the servers are at rest
before anything is measured. Shown is the median of some rounds. Beyond 100,000 it grows by COPY of what is there (the
texts are the same ones again), for APPEND would take an hour, and is measured once, for one search takes minutes there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import report
from bench.client import RawClient
from bench.figures import GROUP, Bench, Figure, append_command, command, select, select_again, store_one
from bench.letters import Letter, letters
from bench.peers import LOGIN, pss_kib, start
from bench.run import Run

APPENDED = 100_000
"""Beyond that messages are copied."""
MEMORY = "memory of the server, mailbox open"

FIGURES = (
    Figure("SELECT", select),
    Figure("SELECT, open elsewhere", select_again),
    command("FETCH 1:* (UID FLAGS)", b"FETCH 1:* (UID FLAGS)"),
    command("FETCH of the last 50", b"FETCH %d:* (UID FLAGS ENVELOPE)"),
    Figure("STORE one message", store_one),
    command("SEARCH UNSEEN", b"SEARCH UNSEEN"),
    command("SEARCH TEXT, no hit", b"SEARCH TEXT zzgargoyle"),
    command("SEARCH BODY, a common word", b"SEARCH BODY lantern"),
    command("SORT DATE", b"SORT (DATE) UTF-8 ALL"),
    command("THREAD REFERENCES", b"THREAD REFERENCES UTF-8 ALL"),
)


def figures(messages: int) -> Sequence[Figure]:
    """With the numbers of this size."""
    last = command("FETCH of the last 50", b"FETCH %d:* (UID FLAGS ENVELOPE)" % (messages - 49))
    return [last if figure.name == last.name else figure for figure in FIGURES]


def grow(bench: Bench, mail: Sequence[Letter], size: int) -> None:
    """More letters into the open mailbox, until it has so many."""
    have = bench.messages
    for at in range(have, min(size, APPENDED), GROUP):
        bench.client.run(append_command(b"big", mail[at : min(at + GROUP, size)]))
    for copied in range(max(have, APPENDED), size, APPENDED):
        bench.client.run(b"COPY 1:%d big" % min(APPENDED, size - copied))
    bench.client.run(b"NOOP")
    bench.messages = size


def measure(run: Run, size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds (KiB for memory) by figure and server."""
    run.rows.clear()
    run.rest(size)
    for _ in range(rounds if size <= APPENDED else 1):
        for figure in figures(size):
            run.measure(figure, list(run.benches))
    found = {
        figure.name: {server: statistics.median(values) for server, values in run.rows[figure.name].values.items()}
        for figure in FIGURES
    }
    found[MEMORY] = {name: pss_kib(bench.server.process_id) for name, bench in run.benches.items()}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", default="pillarbox,dovecot")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("pillarbox.toml"))
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="the folder to write to")
    chosen = parser.parse_args(arguments)
    console = Console(width=150)
    sizes = sorted(int(size) for size in chosen.sizes.split(","))
    mail = list(letters(min(sizes[-1], APPENDED)))
    found = []
    with ExitStack() as stack, console.status("") as status:
        servers = start(stack, chosen.servers.split(","), chosen.config, 2)
        benches = {name: Bench(server, LOGIN, RawClient(server, LOGIN), 0, mail) for name, server in servers.items()}
        run = Run(benches, console)
        for bench in benches.values():
            bench.client.run(b"CREATE big")
            bench.client.run(b"SELECT big")
        for size in sizes:
            status.update(f"{size:,} messages")
            for bench in benches.values():
                grow(bench, mail, size)
            found.append(measure(run, size, chosen.rounds))
    rows = [
        (name, server, [of_size[name][server] for of_size in found]) for name in found[0] for server in found[0][name]
    ]
    table = Table(title="milliseconds (memory: MiB) by number of messages")
    for heading in ("figure", "server", *(f"{size:,}" for size in sizes)):
        table.add_column(heading, justify="left" if heading in {"figure", "server"} else "right")
    lines = ["| figure | server | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---" * (len(sizes) + 2) + "|"]
    for name, server, values in rows:
        shown = [f"{value / 1024:,.1f}" if name == MEMORY else f"{value * 1e3:,.2f}" for value in values]
        table.add_row(name, server, *shown)
        lines.append(f"| {name} | {server} | " + " | ".join(shown) + " |")
    console.print(table)
    chosen.out.mkdir(exist_ok=True)
    (chosen.out / "growth.md").write_text("\n".join(lines) + "\n")
    curves = [(name, values) for name, server, values in rows if server == report.OURS and name != MEMORY]
    picture = report.growth_picture(sizes, curves, "Pillarbox: time by number of messages")
    (chosen.out / "growth.svg").write_text(picture)


if __name__ == "__main__":
    main()
