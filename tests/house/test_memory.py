"""What a server that is not asked for more must not hold in memory."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "acme",
    "anyio",
    "click",
    "email.parser",
    "jinja2",
    "joserfc",
    "josepy",
    "pydantic",
    "requests",
    "rich",
    "segno",
    "snowballstemmer",
    "starlette",
    "uvicorn",
    "webauthn",
    "xml",
)
"""Each takes from one to fifteen MB, and what needs it loads it (docs/performance.md)."""


def test_a_plain_server_loads_nothing_that_only_some_servers_need() -> None:
    program = f"import sys, pillarbox.app.server; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []
