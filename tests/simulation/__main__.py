"""`python -m tests.simulation --minutes N --seed S`: the play for as long as one likes, seed after seed.

Each play lasts PLAY_ROUNDS rounds on an account of its own; the next seed is S plus one. Failures print the seed and
the last lines of the wire, and the rest goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import traceback

from tests.servers.pillarbox_server import PillarboxServer
from tests.simulation.play import Play

PASSWORD = "correct horse battery"
PLAY_ROUNDS = 400


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=PLAY_ROUNDS, help="of each play")
    chosen = parser.parse_args()
    failed: list[int] = []
    commands = comparisons = 0
    seed = chosen.seed
    with PillarboxServer(workers=chosen.workers) as server:
        end = time.monotonic() + chosen.minutes * 60
        while time.monotonic() < end:
            user = f"seed{seed}@example.org"
            server.add_account(user, PASSWORD)
            play = Play(server, (user, PASSWORD), str(seed))
            try:
                asyncio.run(play.run(lambda done: done < chosen.rounds and time.monotonic() < end))
            except Exception:
                traceback.print_exc()
                failed.append(seed)
            commands, comparisons = commands + play.commands, comparisons + play.comparisons
            print(f"seed {seed}: {play.rounds} rounds, {play.commands} commands", flush=True)
            seed += 1
        troubles = [line for line in server.stderr().splitlines() if "bug" in line.lower() or "Traceback" in line]
    print(
        f"seeds {chosen.seed} to {seed - 1}: {commands} commands, {comparisons} comparisons, failed: {failed or 'none'}"
    )
    print("\n".join(troubles[:50]))
    return 1 if failed or troubles else 0


if __name__ == "__main__":
    sys.exit(main())
