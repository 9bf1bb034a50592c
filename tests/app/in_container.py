"""What packaging/Dockerfile starts, in what a container engine makes of it: another user, no capability, no new
privileges, nothing to write to but the data folder and /tmp. Told in JSON; in namespaces of its own (namespace.sh).

`python -m tests.app.in_container COMMAND HEALTHCHECK`: both JSON lists, out of the Dockerfile.
"""

from __future__ import annotations

import errno
import imaplib
import json
import ssl
import subprocess
import sys
from pathlib import Path

DATA = Path("/mnt/data")
USER = "4993"


def confined(words: list[str]) -> list[str]:
    """A command as `docker run --read-only --cap-drop=ALL --security-opt no-new-privileges` runs it."""
    return [
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all", *words),
    ]


def here(words: list[str]) -> list[str]:
    """With the Python and the data folder of this machine."""
    program = {"/opt/pillarbox/bin/python": [sys.executable]}
    program["/opt/pillarbox/bin/pillarbox"] = [sys.executable, "-m", "pillarbox"]
    return [*program[words[0]], *(str(DATA) if word == "/data" else word for word in words[1:])]


def unwritable(folder: str) -> bool:
    try:
        (Path(folder) / "pillarbox-was-here").touch()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def main() -> None:
    command, health = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    told: dict[str, object] = {"read_only": [unwritable(place) for place in ("/", "/etc", "/var/lib", "/root", ".")]}
    server = subprocess.Popen(
        confined([*here(command), "--workers", "2"]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        print(json.dumps({"refused": server.communicate()[1]}))
        return
    told["line"] = line
    told["health"] = subprocess.run(confined(here(health)), timeout=60, check=False).returncode
    words = here(["/opt/pillarbox/bin/pillarbox", "user", "add", "alice", "--password-stdin", "--data", "/data"])
    told["added"] = subprocess.run(
        confined(words), input="wonderland\n", capture_output=True, text=True, timeout=60, check=False
    ).stdout
    context = ssl.create_default_context(cafile=str(DATA / "certificates" / "authority.crt"))
    client = imaplib.IMAP4_SSL("localhost", 993, ssl_context=context)
    client.login("alice", "wonderland")
    told["append"] = client.append("INBOX", "", "", b"Subject: tea\r\n\r\nAt six o'clock.\r\n")[0]
    client.select()
    told["search"] = client.search(None, "TEXT", "clock")[1][0].decode()
    client.logout()
    server.terminate()
    server.communicate(timeout=60)
    told["code"] = server.returncode
    told["health_then"] = subprocess.run(
        confined(here(health)), timeout=60, stderr=subprocess.DEVNULL, check=False
    ).returncode
    print(json.dumps(told))


if __name__ == "__main__":
    main()
