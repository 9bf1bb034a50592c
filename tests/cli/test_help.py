"""What the command line says of itself, and how it takes mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox import __version__
from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine, run

COMMANDS = [
    ("serve",),
    ("import",),
    ("deliver",),
    *(("alias", verb) for verb in ("add", "list", "remove")),
    ("migrate",),
    ("export",),
    ("watch",),
    ("undelete",),
    ("backup",),
    *(("backup", verb) for verb in ("list", "verify", "prune")),
    ("restore",),
    *(("history", verb) for verb in ("show", "restore")),
    ("expunged", "purge"),
    *(("user", verb) for verb in ("add", "list", "password", "disable", "enable", "remove", "import")),
    ("mailbox", "list"),
    *(("acl", verb) for verb in ("set", "get", "list", "rebuild")),
    *(("group", verb) for verb in ("add", "remove", "list")),
    *(("shared", verb) for verb in ("create", "grant", "list", "remove")),
    *(("quota", verb) for verb in ("show", "set")),
    ("user", "admin"),
    ("logins", "list"),
    *(("app-password", verb) for verb in ("add", "list", "show", "revoke")),
    *(("sessions", verb) for verb in ("list", "end")),
    *(("alarms", verb) for verb in ("list", "confirm")),
    *(("bans", verb) for verb in ("list", "add", "remove")),
    *(("mfa", verb) for verb in ("status", "enable", "disable", "recovery")),
    *(("systemd", verb) for verb in ("unit", "sockets", "install")),
    *(("audit", verb) for verb in ("verify", "list", "export", "tail")),
    *(("acme", verb) for verb in ("issue", "status", "renew", "revoke")),
    ("config", "check"),
    ("config", "reference"),
    ("check",),
    ("client-config",),
    ("dns",),
    ("doctor",),
    *(("firewall", verb) for verb in ("open", "close", "status")),
    ("port",),
    ("port", "list"),
    *(("sieve", verb) for verb in ("put", "get", "list", "activate", "deactivate", "remove", "check", "test")),
    *(("search", verb) for verb in ("status", "explain")),
]


def test_the_version_is_told() -> None:
    assert run("--version").out == f"pillarbox {__version__}\n"


def test_help_teaches_with_examples() -> None:
    said = run("--help")
    assert said.code == 0
    assert "pillarbox user add alice --data ~/mail" in said.out
    assert all(word in said.out for word in ("serve", "import", "mailbox", "config", "user"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"\n pillarbox {' '.join(command)}" in said.out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("sevre",), "Try: pillarbox --help"),
        (("user", "ad"), 'Did you mean "add"?'),
        (("user", "add"), "NAME requires an argument"),
        (("import", "x"), "--user requires an argument"),
        (("serve", "--bogus"), "--bogus"),
        (("serve", "--workers", "many"), "--workers"),
        (("serve", "--workers", "0"), "1 or more"),
        (("serve", "--listen", "everywhere"), "HOST:PORT"),
    ],
)
def test_a_mistyped_command_is_told_in_plain_words(pillarbox: CommandLine, words: tuple[str, ...], hint: str) -> None:
    said = pillarbox(*words)
    assert said.code == ExitCode.USAGE
    assert said.out == ""
    assert hint in said.err
    assert "Traceback" not in said.err


def test_heavy_modules_are_loaded_only_when_needed() -> None:
    program = (
        "import sys; from pillarbox.cli.tree import run; run(['--help']); "
        "print([name for name in ('apsw', 'argon2', 'pydantic', 'cryptography', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_that_the_manual_names_is_there() -> None:
    top = Path(__file__).parents[2]
    there = {command[0] for command in COMMANDS} | {" ".join(command) for command in COMMANDS}
    for page in (top / "README.md", *(top / "docs").glob("*.md")):
        named = re.findall(r"(?:`|^ {4})pillarbox ([a-z-]+)((?: [a-z-]+)?)", page.read_text(), re.MULTILINE)
        for first, second in named:
            alone = (first,) in COMMANDS or not second
            assert (first if alone else first + second) in there, f"{page.name}: {first}{second}"


def test_every_exit_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    for code in ExitCode:
        assert f"| {code.value} |" in page


def test_a_reader_that_goes_away_is_no_error(alice: CommandLine) -> None:
    command = f"{sys.executable} -m pillarbox config reference | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("# Configure Pillarbox\n0\n", "")
