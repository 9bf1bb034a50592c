"""What a server that is not asked for more must not hold in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "acme",
    "anyio",
    "click",
    "cryptography",
    "cyclopts",
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


SERVED = """
import sys, pillarbox.app.server
def serve(settings, announce, read_again):
    assert settings == read_again() and settings.net.backlog == 7
    print(*(name for name in HEAVY if name in sys.modules))
pillarbox.app.server.serve = serve
from pillarbox.cli import main
main()
"""
"""What a server has loaded that was started by the command line, once it has read its settings twice."""


def test_a_server_keeps_nothing_of_reading_its_settings(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[net]\nbacklog = 7\n")
    words = ["serve", "--data", str(tmp_path / "data"), "--config", str(config)]
    program = f"HEAVY = {HEAVY!r}\n{SERVED}"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=120)
    assert (done.stdout.split(), done.stderr, done.returncode) == ([], "", 0)
