"""Sockets that systemd opened, and what it is told: systemd's own program hands them over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.net.notify import ServiceManager

TAKER = """
import os, sys
from pillarbox.net.handover import left_over
from pillarbox.net.listener import CannotListen, open_listeners
from pillarbox.net.settings import ListenAddress

try:
    groups = open_listeners((ListenAddress("127.0.0.1", int(sys.argv[1])),), 16, 2)
except CannotListen as error:
    sys.exit(str(error))
print([[one.getsockname()[1], one.get_inheritable()] for group in groups for one in group])
print(len({os.fstat(one.fileno()).st_ino for group in groups for one in group}))
print(left_over(), left_over(), os.environ.get("LISTEN_FDS"))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def taken(port: int, *handed: int) -> list[str]:
    """What a program says that was started with sockets, as systemd starts one at the first connection."""
    listens = [word for each in handed for word in ("-l", f"127.0.0.1:{each}")]
    command = ["systemd-socket-activate", "-E", "PYTHONPATH", *listens, sys.executable, "-c", TAKER, str(port)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None
        for _ in handed:
            assert "Listening on" in program.stderr.readline()
        socket.create_connection(("127.0.0.1", handed[0])).close()
        out, err = program.communicate(timeout=60)
        assert program.returncode == 0, err
    return out.splitlines()


def test_a_socket_that_was_handed_over_is_served_by_all_workers() -> None:
    port = free_port()
    assert taken(port, port) == [f"[[{port}, False], [{port}, False]]", "1", "[] [] None"]


def test_a_socket_that_no_setting_names_is_told() -> None:
    port, other = free_port(), free_port()
    said = taken(port, other)
    assert said[0] == f"[[{port}, False], [{port}, False]]"
    assert said[1:] == ["2", f"['127.0.0.1:{other}'] [] None"]


def test_a_variable_that_is_meant_for_another_process_is_not_believed() -> None:
    environment = os.environ | {"LISTEN_FDS": "3", "LISTEN_PID": "1"}
    port = free_port()
    done = subprocess.run(
        [sys.executable, "-c", TAKER, str(port)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[1] == "2"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_hears_how_the_server_stands(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@pillarbox-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name if kind == "path" else "\0" + name[1:])
        listener.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        manager = ServiceManager.of_this_process(HeldClock(12.5))
        assert "NOTIFY_SOCKET" not in os.environ
        manager.ready("serving")
        manager.reloading()
        manager.stopping()
        manager.alive()
        heard = [listener.recv(1000).decode() for _ in range(4)]
    assert manager.beat_seconds == 20.0
    assert heard == ["READY=1\nSTATUS=serving", "RELOADING=1\nMONOTONIC_USEC=12500000", "STOPPING=1", "WATCHDOG=1"]


def test_without_a_service_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    manager = ServiceManager.of_this_process(HeldClock())
    manager.ready("serving")
    assert (manager.address, manager.beat_seconds) == (None, None)
