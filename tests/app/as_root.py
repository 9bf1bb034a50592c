"""What happens to a server that root starts, told in JSON: runs in namespaces of its own (namespace.sh), as root.

`python -m tests.app.as_root FOLDER`: the data folder will be FOLDER/data, the operator's key is for root alone.
"""

from __future__ import annotations

import imaplib
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import trustme

from tests.cli.commands import CHEAP_HASHES

USER = 4993


def facts(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    wanted = ("Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs")
    told = {name: " ".join(lines[name].split()) for name in wanted}
    return told | {"owner": str(Path(f"/proc/{pid}/environ").stat().st_uid)}


def as_user(data: Path, *words: str, text: str = "") -> str:
    """What a command says to the server's user."""
    command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", sys.executable, "-m", "pillarbox"]
    done = subprocess.run(
        [*command, *words, "--data", str(data)], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def first_command() -> list[object]:
    """What root's own first command says, and whose the usual data folder is then."""
    command = [sys.executable, "-m", "pillarbox", "user", "add", "bob", "--password-stdin"]
    done = subprocess.run(command, input="wonderland\n", capture_output=True, text=True, timeout=60, check=False)
    return [done.returncode, done.stderr, Path("/var/lib/pillarbox").stat().st_uid]


def main() -> None:
    folder = Path(sys.argv[1])
    data, authority = folder / "data", trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "mail.pem")
    certificate.private_key_pem.write_to_path(folder / "mail.key")
    (folder / "mail.key").chmod(0o600)
    (folder / "pillarbox.toml").write_text(
        '[tls]\ncertificate_path = "mail.pem"\nkey_path = "mail.key"\n'
        f'[lmtp]\nsocket_path = "{data}/run/lmtp"\nsocket_group = "postbox"\n{CHEAP_HASHES}'
    )
    command = [sys.executable, "-m", "pillarbox", "serve", "--data", str(data), "--workers", "2"]
    server = subprocess.Popen(
        [*command, "--config", str(folder / "pillarbox.toml"), "--listen", "127.0.0.1:993"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stderr is not None
    told: dict[str, object] = {"line": server.stdout.readline()}
    if not told["line"]:
        print(json.dumps({"refused": server.stderr.read()}))
        return
    told["added"] = as_user(data, "user", "add", "alice", "--password-stdin", text="wonderland\n")
    told["first_command"] = first_command()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=context)
    told["login"] = client.login("alice", "wonderland")[0]
    client.logout()
    workers = [child.pid for child in psutil.Process(server.pid).children()]
    told["processes"] = [facts(pid) for pid in (server.pid, *workers)]
    told["lmtp"] = [(data / "run" / "lmtp").stat().st_uid, (data / "run" / "lmtp").stat().st_gid]
    server.send_signal(signal.SIGHUP)
    heard = []
    while "settings.reloaded" not in heard:
        heard.append(json.loads(server.stderr.readline())["event"])
    told["reload"] = heard
    server.terminate()
    server.communicate(timeout=60)
    told["code"] = server.returncode
    inside = [data, *data.rglob("*")]
    told["owners"] = sorted({path.lstat().st_uid for path in inside})
    told["open"] = [str(path) for path in inside if path.is_dir() and path.lstat().st_mode & 0o077]
    told["audit"] = as_user(data, "audit", "verify").split(":")[0]
    print(json.dumps(told))


if __name__ == "__main__":
    assert os.geteuid() == 0
    main()
