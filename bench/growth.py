"""What operations cost as a mailbox grows: the same figures with 1,000, 10,000 and 100,000 messages (and a million).

    .venv/bin/python -m bench.growth
    .venv/bin/python -m bench.growth --sizes 1000,10000,100000,1000000 --servers pillarbox

Every size has servers of its own, filled with the letters of bench.letters, at rest before anything is measured. Shown
is the median of some rounds. A million are filled by COPY of what is there (the texts are the same ones again), for
filling by APPEND would take an hour.
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
from bench.figures import Bench, Figure, command, select, select_again, store_one
from bench.letters import letters
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


def measure(
    size: int, names: Sequence[str], rounds: int, config: Path, console: Console
) -> dict[str, dict[str, float]]:
    """Median seconds (KiB for memory) by figure and server."""
    with ExitStack() as stack:
        servers = start(stack, names, config, 2)
        some = list(letters(10))
        benches = {name: Bench(server, LOGIN, RawClient(server, LOGIN), size, some) for name, server in servers.items()}
        run = Run(benches, console)
        with console.status(f"filling {size:,}") as status:
            run.fill(min(size, APPENDED))
            for bench in benches.values():
                for _ in range(size // APPENDED - 1):
                    bench.client.run(b"COPY 1:%d big" % APPENDED)
                bench.client.run(b"NOOP")
            run.rest(size)
            status.update(f"{size:,} messages")
            for _ in range(rounds):
                for figure in figures(size):
                    run.measure(figure, list(benches))
        found = {
            name: {server: statistics.median(values) for server, values in row.values.items()}
            for name, row in run.rows.items()
            if name in {figure.name for figure in FIGURES}
        }
        found[MEMORY] = {name: pss_kib(bench.server.process_id) for name, bench in benches.items()}
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", default="pillarbox,dovecot")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("pillarbox.toml"))
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="the folder to write to")
    chosen = parser.parse_args(arguments)
    console = Console(width=150)
    sizes = [int(size) for size in chosen.sizes.split(",")]
    found = [measure(size, chosen.servers.split(","), chosen.rounds, chosen.config, console) for size in sizes]
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
