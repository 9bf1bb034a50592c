"""The commands of packaging/Dockerfile run where only the data folder and /tmp can be written to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "packaging" / "Dockerfile").read_text()

CONTAINER = {"READ_ONLY": "yes", "HOME": "/mnt/data", "PYTHONDONTWRITEBYTECODE": "1"}


def words(instruction: str) -> list[str]:
    """What an instruction in its JSON form says."""
    found = re.search(rf"^{instruction} .*?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    return [str(word) for word in json.loads(found[1])]


def test_the_container_serves_without_root_on_a_read_only_root() -> None:
    assert "\nUSER 4993:4993\n" in DOCKERFILE
    readable = {str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix, REPOSITORY)}
    command = json.dumps(words("ENTRYPOINT") + words("CMD"))
    script = str(REPOSITORY / "tests" / "app" / "namespace.sh")
    inside = [sys.executable, "-m", "tests.app.in_container", command, json.dumps(words("HEALTHCHECK"))]
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", script, *inside],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=REPOSITORY,
        env=os.environ | CONTAINER | {"READABLE": " ".join(sorted(readable))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "read_only": [True] * 5,
        "line": "ready imaps://localhost:993\n",
        "health": 0,
        "added": "added alice\n",
        "append": "OK",
        "search": "1",
        "code": 0,
        "health_then": 1,
    }


def test_the_image_gets_nothing_but_what_it_needs() -> None:
    wanted = {line.removeprefix("!") for line in (REPOSITORY / ".dockerignore").read_text().split() if line[0] == "!"}
    assert wanted == {"constraints.txt", "pyproject.toml", "README.md", "LICENSE", "src"}
