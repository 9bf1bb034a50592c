"""Two machines on one cable, each a network namespace: a server with its own firewall, and a client.

Their mounts are their own too, so that ufw and firewalld keep their rules in copies of their folders. Nothing here
reaches the firewall of the machine that runs the tests: every command goes through `nsenter`, and a namespace that is
not another one than ours is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PACKAGES = {
    "dbus-daemon": "dbus-daemon",
    "firewall-cmd": "firewalld",
    "firewalld": "firewalld",
    "ip": "iproute2",
    "iptables": "iptables",
    "iptables-legacy": "iptables",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ufw": "ufw",
    "unshare": "util-linux",
}
SERVER_ADDRESSES = ("10.77.0.1", "fd77::1")
CLIENT_ADDRESSES = ("10.77.0.2", "fd77::2")
STRANGER_ADDRESSES = ("10.78.0.2", "fd78::2")
"""Further addresses of the client, for rules that tell networks apart."""

_PRIVATE_FOLDERS = """\
set -e
mount -t tmpfs none /mnt
for folder in etc/ufw etc/default etc/firewalld run; do
    mkdir -p /mnt/$folder
done
for folder in etc/ufw etc/default etc/firewalld; do
    if [ -d /$folder ]; then cp -a /$folder/. /mnt/$folder/; mount --bind /mnt/$folder /$folder; fi
done
mount --bind /mnt/run /run
ip link set lo up
echo ready
exec cat
"""
_LISTEN = """\
import socket
def listen(family, address):
    ear = socket.socket(family)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    ear.bind((address, {port})); ear.listen(); return ear
ears = [listen(socket.AF_INET, "0.0.0.0"), listen(socket.AF_INET6, "::")]
print("ready", flush=True)
input()
"""
_CONNECT = """\
import socket, sys
try:
    socket.create_connection(({to!r}, {port}), timeout={seconds}, source_address=({here!r}, 0)).close()
except (TimeoutError, OSError) as error:
    print(type(error).__name__)
else:
    print("connected")
"""


def find(program: str) -> str:
    """The path of a program; fails the test with one line when it is missing."""
    path = shutil.which(program, path=SEARCH_PATH)
    if path is None:
        pytest.fail(f"{program} is not installed: apt-get install {PACKAGES[program]}", pytrace=False)
    return path


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Machine:
    """A namespace held by one process; it ends with that."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []
        command = [find("unshare"), "--net", "--mount", "sh", "-c", _PRIVATE_FOLDERS]
        self._holder = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": SEARCH_PATH},
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            pytest.fail(
                "these tests make network namespaces (unshare --net --mount), which this machine does not let them: "
                f"{self._holder.stderr.read().strip()}; run them as root",
                pytrace=False,
            )
        for kind in ("net", "mnt"):
            assert os.readlink(f"/proc/{self.pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")

    @property
    def pid(self) -> int:
        return self._holder.pid

    def attempt(self, *argv: str, stdin: str = "") -> Said:
        """Run a program on this machine to its end, whatever its exit code."""
        done = subprocess.run(
            self._inside(argv),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self._environment(),
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def run(self, *argv: str, stdin: str = "") -> str:
        """Run a program that must succeed; returns stdout."""
        said = self.attempt(*argv, stdin=stdin)
        if said.code != 0:
            pytest.fail(f"{' '.join(argv)}: exit code {said.code}\n{said.out}{said.err}", pytrace=False)
        return said.out

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Run a program until this machine is switched off."""
        child = subprocess.Popen(
            self._inside(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment(),
        )
        self._children.append(child)
        return child

    def pillarbox(self, *words: str) -> Said:
        return self.attempt(sys.executable, "-m", "pillarbox", *words)

    def switch_off(self) -> None:
        for child in reversed([self._holder, *self._children]):
            child.terminate()
            child.wait(timeout=30)
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()

    def _inside(self, argv: tuple[str, ...]) -> list[str]:
        program = argv[0] if argv[0].startswith("/") else find(argv[0])
        return [find("nsenter"), "--target", str(self.pid), "--net", "--mount", program, *argv[1:]]

    @staticmethod
    def _environment() -> dict[str, str]:
        source = str(Path(__file__).parents[3] / "src")
        return {"PATH": SEARCH_PATH, "LC_ALL": "C", "COLUMNS": "80", "PYTHONPATH": source}


@dataclass(frozen=True, slots=True)
class Cable:
    """A server that listens on some ports, and a client that tries them."""

    server: Machine
    client: Machine

    @classmethod
    def laid(cls) -> Cable:
        server, client = Machine(), Machine()
        server.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(client.pid))
        own = ("10.77.0.1/24", "10.78.0.1/24", "fd77::1/64", "fd78::1/64")
        far = ("10.77.0.2/24", "10.78.0.2/24", "fd77::2/64", "fd78::2/64")
        for machine, addresses in ((server, own), (client, far)):
            for address in addresses:
                options = ("nodad",) if ":" in address else ()
                machine.run("ip", "address", "add", address, "dev", "cable", *options)
            machine.run("ip", "link", "set", "cable", "up")
        return cls(server, client)

    def listen(self, port: int) -> None:
        child = self.server.start(sys.executable, "-c", _LISTEN.format(port=port))
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"

    def gets_in(self, address: str, port: int = 993) -> bool:
        """Whether the client reaches the server from one of its addresses; waits long for what should succeed."""
        return self._try(address, port, seconds=20) == "connected"

    def is_kept_out(self, address: str, port: int = 993) -> bool:
        """Whether a connection is refused or never answered; waits shortly for what should fail."""
        return self._try(address, port, seconds=0.5) != "connected"

    def _try(self, address: str, port: int, seconds: float) -> str:
        to = address[:-1] + "1"
        program = _CONNECT.format(to=to, here=address, port=port, seconds=seconds)
        return self.client.run(sys.executable, "-c", program).strip()

    def cut(self) -> None:
        self.server.switch_off()
        self.client.switch_off()
