"""SORT and THREAD beside Dovecot: the same mail, the same client, the same run.

    .venv/bin/python -m bench.order                          20,000 messages, 7 rounds
    .venv/bin/python -m bench.order --messages 100000 --rounds 3

The letters are those of bench.letters, made into conversations: two in three answer one of the forty before them.
"First time" is the first SORT or THREAD after filling, when the servers are idle, in that order; "after an arrival" is
the first one after one more message came. Ratios (Pillarbox by Dovecot, below 1: Pillarbox is faster) travel; absolute
times don't.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import RawClient
from bench.figures import Bench, Figure, append_command, command
from bench.letters import Letter, letters
from bench.run import LOGIN, Run, start

GROUP = 50
COMMANDS = {
    "SORT DATE": b"SORT (DATE) UTF-8 ALL",
    "SORT SUBJECT": b"SORT (SUBJECT) UTF-8 ALL",
    "SORT FROM": b"SORT (FROM) UTF-8 ALL",
    "SORT REVERSE ARRIVAL": b"SORT (REVERSE ARRIVAL) UTF-8 ALL",
    "SORT SUBJECT DATE": b"SORT (SUBJECT DATE) UTF-8 ALL",
    "UID SORT DATE UNSEEN": b"UID SORT (DATE) UTF-8 UNSEEN",
    "THREAD REFERENCES": b"THREAD REFERENCES UTF-8 ALL",
    "THREAD REFS": b"THREAD REFS UTF-8 ALL",
    "THREAD ORDEREDSUBJECT": b"THREAD ORDEREDSUBJECT UTF-8 ALL",
    "THREAD REFERENCES UNSEEN": b"THREAD REFERENCES UTF-8 UNSEEN",
}
AFTER_ARRIVAL = ("SORT DATE", "SORT SUBJECT", "THREAD REFERENCES")


def talkative_letters(count: int) -> Iterator[Letter]:
    """The letters of bench.letters with Message IDs that others refer to."""
    dice = random.Random("conversations")
    above: list[bytes] = []
    """Of each letter, the ids of its ancestors and its own."""
    for number, letter in enumerate(letters(count)):
        references = above[number - dice.randrange(1, 41)] if number > 40 and dice.random() < 0.67 else b""
        own = b"<%d@letters.example.org>" % number
        fields = b"Message-ID: %b\r\n" % own + (b"References: %b\r\n" % references if references else b"")
        fields = fields.replace(b"> <", b">\r\n <")
        above.append(b" ".join([*references.split()[-9:], own]))
        pattern = rb"Message-ID: [^\r]*\r\nIn-Reply-To: [^\r]*\r\nReferences: [^\r]*\r\n"
        yield Letter(re.sub(pattern, fields, letter.content, count=1), letter.internal_date, letter.flags)


def warm(text: bytes) -> Callable[[Bench], float]:
    def run(bench: Bench) -> float:
        bench.client.run(text)
        return bench.timed(text)

    return run


def after_arrival(text: bytes) -> Callable[[Bench], float]:
    def run(bench: Bench) -> float:
        bench.client.run(append_command(b"big", [bench.letters[next(bench.serial) % len(bench.letters)]]))
        bench.client.run(b"NOOP")
        return bench.timed(text)

    return run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        servers = start(stack, ("pillarbox", "dovecot"), None)
        some = list(talkative_letters(500))
        benches = {
            name: Bench(server, LOGIN, RawClient(server, LOGIN), chosen.messages, some)
            for name, server in servers.items()
        }
        run = Run(benches, Console(width=120))
        _fill(benches, chosen.messages)
        _wait_until_idle(benches)
        order = list(benches)
        for name, text in COMMANDS.items():
            run.measure(command(f"{name}, first time", text), order)
        for _ in range(chosen.rounds):
            for name, text in COMMANDS.items():
                run.measure(Figure(name, warm(text)), order)
            for name in AFTER_ARRIVAL:
                run.measure(Figure(f"{name} after an arrival", after_arrival(COMMANDS[name])), order)
            order.reverse()
        run.console.print(run.table(f"{chosen.messages:,} messages, median of {chosen.rounds} rounds"))


def _fill(benches: dict[str, Bench], count: int) -> None:
    for bench in benches.values():
        bench.client.run(b"CREATE big")
    group: list[Letter] = []
    for number, letter in enumerate(talkative_letters(count), 1):
        group.append(letter)
        if len(group) == GROUP or number == count:
            for bench in benches.values():
                bench.client.run(append_command(b"big", group))
            group = []
    for bench in benches.values():
        bench.client.run(b"SELECT big")


def _wait_until_idle(benches: dict[str, Bench]) -> None:
    """What servers do in the background after mail came (indexing) is not what is measured here."""
    for bench in benches.values():
        processes = [psutil.Process(bench.server.process_id)]
        processes += processes[0].children(recursive=True)
        spent, before = 0.0, -1.0
        while spent - before > 0.02:
            time.sleep(1)
            before, spent = spent, sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
