"""What `pillarbox firewall` says, on a machine that it does not change."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import run

NOT_ROOT = (
    "import os, sys; os.geteuid = lambda: 1000; from pillarbox.cli import main; sys.argv[0] = 'pillarbox'; main()"
)


def as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NOT_ROOT, "firewall", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_who_is_not_root_still_sees_the_commands() -> None:
    said = as_nobody("open", "--port", "4190", "--with", "iptables")
    assert said.returncode == 0
    assert "  iptables -A INPUT -p tcp --dport 4190 -j ACCEPT\n" in said.stdout
    assert "sudo pillarbox firewall open --port 4190 --with iptables" in said.stderr


@pytest.mark.parametrize("words", [("open", "--apply"), ("close", "--apply"), ("status",)], ids=" ".join)
def test_who_is_not_root_is_told_to_use_sudo(words: tuple[str, ...]) -> None:
    said = as_nobody(*words)
    assert (said.returncode, said.stdout) == (ExitCode.NO_PERMISSION, "")
    assert "sudo" in said.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--source", "10.1.0.0/8"), "write the network as 10.0.0.0/8"),
        (("--source", "example.org"), "192.0.2.0/24"),
        (("--port", "0"), "1 to 65535"),
        (("--port", "imaps"), "--port"),
        (("--with", "pf"), "--with"),
    ],
)
def test_a_mistyped_wish_is_told_in_plain_words(words: tuple[str, ...], hint: str) -> None:
    said = run("firewall", "open", *words)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert hint in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", ["open", "close", "status"])
def test_help_has_an_example(verb: str) -> None:
    said = run("firewall", verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"\n pillarbox firewall {verb}" in said.out
