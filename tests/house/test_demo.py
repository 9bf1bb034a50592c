"""`make serve`: what it prints is true."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    folder: Path
    printed: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        ["sh", "tools/demo.sh", str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("ready "):
            break
    assert f"ready imaps://127.0.0.1:{port}\n" in printed
    return process, printed


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("tools", "samples"):
        shutil.copytree(TOP / name, folder / name)
    (folder / ".venv").symlink_to(TOP / ".venv")
    process, printed = start(folder, free_port())
    try:
        yield Demo(folder, printed)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def printed_commands(demo: Demo) -> list[str]:
    return re.findall(r"^ +(?:curl +)?(curl --cacert .*)$", demo.printed, re.MULTILINE)


def test_the_printed_curl_commands_read_mail(demo: Demo) -> None:
    search, read = printed_commands(demo)
    in_inbox = list((TOP / "samples").glob("*.eml"))
    numbers = subprocess.run(["sh", "-c", search], capture_output=True, text=True, check=True, timeout=60).stdout
    assert numbers.strip() == "* SEARCH " + " ".join(str(number) for number in range(1, len(in_inbox) + 1))
    message = subprocess.run(["sh", "-c", read], capture_output=True, check=True, timeout=60).stdout
    assert message == (demo.folder / "samples" / "01-welcome.eml").read_bytes()


def test_the_mail_is_served_on_loopback_only(demo: Demo) -> None:
    assert re.search(r"ready imaps://127\.0\.0\.1:\d+", demo.printed)


def test_the_password_is_random_and_for_its_owner_only(demo: Demo) -> None:
    path = demo.folder / "demo-data" / "password.txt"
    assert path.stat().st_mode & 0o077 == 0
    assert len(path.read_text().strip()) == 12
    assert path.read_text().strip() in demo.printed


def test_a_second_start_imports_nothing_again(tmp_path: Path) -> None:
    for name in ("tools", "samples"):
        shutil.copytree(TOP / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(TOP / ".venv")
    process, first = start(tmp_path, free_port())
    assert stop(process) == 0
    process, second = start(tmp_path, free_port())
    assert stop(process) == 0
    assert f"imported {len(list((TOP / 'samples').rglob('*.eml')))} messages" in first
    assert "imported" not in second


def test_neomutt_shows_the_mailbox_with_the_printed_command(demo: Demo, tmp_path: Path) -> None:
    command = re.search(r"neomutt -n -F '([^']+)'", demo.printed)
    assert command is not None
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = os.environ | {"HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    (tmp_path / "Mail").mkdir()
    neomutt = subprocess.Popen(
        ["neomutt", "-n", "-F", command[1]], cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    try:
        screen = b""
        while b"Welcome to your mailbox" not in screen or "燈塔照片".encode() not in screen:
            ready, _, _ = select.select([ours], [], [], 30)
            assert ready, screen.decode(errors="replace")
            screen += os.read(ours, 65_536)
    finally:
        neomutt.kill()
        neomutt.wait()
        os.close(ours)
        os.close(theirs)
