"""Fuzzes for as long as it is asked to: `python -m tests.fuzz mime --runs 200000 --seed 7`.

Without --guided inputs are damaged at random; with it atheris (pip install atheris) looks which of them reach code that
none reached before. What makes a target fail is kept in tests/fuzz/corpus/TARGET: add the file to the repository with
what mends it.

Must never: go on after a find.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutate import MAX_BYTES, mutations
from tests.fuzz.starts import CORPUS, starts
from tests.fuzz.targets import TARGETS

SLOW_SECONDS = 5
"""For input of MAX_BYTES: somebody would have found a parser that nearly never ends."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    given = parser.parse_args()
    if given.guided:
        guided(given.target, given.runs, given.seed)
    else:
        unguided(given.target, given.runs, given.seed)


def unguided(name: str, runs: int, seed: int) -> None:
    """Random damage, the same for the same seed."""
    run, start, slowest = TARGETS[name], time.monotonic(), (0.0, b"")
    for data in mutations(starts(name), runs, seed):
        began = time.process_time()
        try:
            run(data)
        except Exception:
            print(f"found: {keep(name, data)}", file=sys.stderr)
            raise
        slowest = max(slowest, (time.process_time() - began, data))
    seconds = time.monotonic() - start
    print(f"{name}: {runs} runs with seed {seed} in {seconds:.0f} s, nothing found")
    print(f"the slowest took {slowest[0] * 1000:.1f} ms of CPU: {slowest[1][:200]!r}")


def guided(name: str, runs: int, seed: int) -> None:
    """By coverage; libFuzzer says how it goes, and ends the process."""
    import atheris

    for module in [each for each in sys.modules if each.startswith("pillarbox.")]:
        loaded = sys.modules[module]
        for function in vars(loaded).values():
            if getattr(function, "__module__", None) == module and hasattr(function, "__code__"):
                atheris.instrument_func(function)
            elif isinstance(function, type) and function.__module__ == module:
                for method in vars(function).values():
                    if hasattr(method, "__code__"):
                        atheris.instrument_func(method)
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, data in enumerate(starts(name)):
        (folder / f"start-{number}").write_bytes(data)
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    options = [f"-runs={runs}", f"-seed={seed}", f"-max_len={MAX_BYTES}", f"-timeout={SLOW_SECONDS}"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={CORPUS / name}/", str(folder)], TARGETS[name])
    atheris.Fuzz()


def keep(name: str, data: bytes) -> Path:
    """Put a find where it is found again."""
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
