"""`pillarbox systemd ...`: units that systemd takes, with the exposure that docs/deploy.md states."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pillarbox.cli import systemd_units
from pillarbox.net.settings import ListenAddress, NetSettings
from tests.cli.commands import run

PACKAGING = Path(__file__).parents[2] / "packaging"
DOCUMENT = Path(__file__).parents[2] / "docs" / "deploy.md"
PROGRAM = Path("/opt/pillarbox/bin/pillarbox")
SOCKET = "[Unit]\n[Socket]\nListenStream=993\n"


@pytest.mark.parametrize(
    ("folder", "made"),
    [
        ("systemd", systemd_units.service(PROGRAM, systemd_units.USUAL_DATA)),
        ("systemd-socket", systemd_units.activated_service(PROGRAM, systemd_units.USUAL_DATA)),
    ],
)
def test_the_exposure_is_what_the_document_says(folder: str, made: str, tmp_path: Path) -> None:
    assert (PACKAGING / folder / "pillarbox.service").read_text() == made
    (tmp_path / "pillarbox.service").write_text(made)
    (tmp_path / "pillarbox.socket").write_text(SOCKET)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / "pillarbox.service")],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"},
        check=True,
    )
    measured = re.search(r"Overall exposure level for pillarbox\.service: ([0-9.]+)", done.stdout)
    assert measured is not None, done.stdout
    stated = re.search(rf"packaging/{folder}/pillarbox\.service` \| ([0-9.]+) ", DOCUMENT.read_text())
    assert stated is not None
    assert float(measured[1]) <= float(stated[1])
    assert done.stderr == ""  # nothing that systemd does not know


def test_the_sockets_are_those_of_the_settings() -> None:
    assert (PACKAGING / "systemd-socket" / "pillarbox.socket").read_text() == run("systemd", "sockets").out
    tree = (NetSettings(), ListenAddress("*", 993), (ListenAddress("192.0.2.1", 443), ListenAddress("::1", 24)))
    lines = systemd_units.sockets(tree).splitlines()
    assert [line for line in lines if line.startswith("Listen")] == [
        "ListenStream=993",
        "ListenStream=192.0.2.1:443",
        "ListenStream=[::1]:24",
    ]


def test_installing_writes_files_and_says_what_to_do_next(tmp_path: Path) -> None:
    data = tmp_path / "mail"
    said = run("systemd", "install", "--socket", "--into", str(tmp_path), "--data", str(data))
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1].endswith("systemctl enable --now pillarbox.socket pillarbox.service")
    assert (tmp_path / "sysusers.d" / "pillarbox.conf").read_text() == (PACKAGING / "sysusers.conf").read_text()
    unit = (tmp_path / "systemd" / "system" / "pillarbox.service").read_text()
    assert f"\nReadWritePaths={data}\n" in unit
    assert f"serve --data {data}\n" in unit
    assert (tmp_path / "systemd" / "system" / "pillarbox.socket").exists()
