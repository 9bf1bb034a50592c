"""`pillarbox mfa`: as a person at a terminal sees it, and a program in a pipe."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.totp import hotp, step_at
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.mfa import qr_text
from pillarbox.cli.tree import run
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret

RECOVERY_CODE = re.compile(r"[0-9a-z]{4}(-[0-9a-z]{4}){3}")


def code_for(uri: str) -> str:
    """What an app that read the QR code shows, on a phone that is ahead: it is good for a minute yet at the least."""
    secret = Secret(base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0]))
    return hotp(secret, step_at(time.time()) + 1)


class Operator:
    """Types commands, in this process: a new one for each takes most of a second."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def done(self, *words: str) -> str:
        """What a command says on stdout. Raises CommandFailed."""
        assert run([*words, "--data", str(self.data)]) == 0
        return self._capsys.readouterr().out

    def told(self, *words: str) -> Any:  # whatever the command says
        return json.loads(self.done(*words, "--json"))

    def refused(self, *words: str) -> tuple[int, str]:
        with pytest.raises(CommandFailed) as failure:
            self.done(*words)
        return failure.value.code, str(failure.value)

    def enable(self) -> list[str]:
        """The recovery codes."""
        asked = self.told("mfa", "enable", "alice")
        told = self.told("mfa", "enable", "alice", "--code", code_for(asked["uri"]))
        assert (asked["confirmed"], asked["secret"] in asked["uri"]) == (False, True)
        assert (told["confirmed"], told["factor"]) == (True, asked["factor"])
        return list(told["recovery_codes"])


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    directory = AccountDirectory.open(data / "accounts.db", SystemClock())
    directory.add("alice", "-")
    directory.close()
    return Operator(data, capsys)


def test_a_program_enables_it_in_two_steps_and_reads_the_state(operator: Operator) -> None:
    assert operator.done("mfa", "status") == "alice\toff\t0\t0\t0\n"
    codes = operator.enable()
    assert (len(codes), all(RECOVERY_CODE.fullmatch(each) for each in codes)) == (10, True)
    assert operator.done("mfa", "status") == "alice\ton\t1\t0\t10\n"
    [state] = operator.told("mfa", "status", "ALICE")
    assert (state["on"], state["required"], state["app_passwords_only"]) == (True, False, True)
    factor, kind, name, *_ = operator.done("mfa", "status", "alice").split("\t")
    assert (factor, kind, name) == (state["factors"][0]["id"], "totp", "authenticator app")
    assert operator.done("mfa", "disable", "alice", "--factor", factor) == "alice: multi-factor is off\n"


def test_new_recovery_codes_replace_the_old_ones_and_disabling_takes_everything(operator: Operator) -> None:
    old, new = operator.enable(), operator.done("mfa", "recovery", "alice").split()
    assert (len(new), set(old) & set(new)) == (10, set())
    assert operator.done("mfa", "disable", "alice") == "alice: multi-factor is off\n"
    assert operator.told("mfa", "status", "alice")[0]["recovery_codes"] == 0
    code, text = operator.refused("mfa", "recovery", "alice")
    assert (code, "pillarbox mfa enable alice" in text) == (ExitCode.BAD_DATA, True)


def test_what_can_not_be_done_is_refused_with_what_to_do(operator: Operator) -> None:
    code, text = operator.refused("mfa", "enable", "alice", "--code", "123456")
    assert (code, "begin with: pillarbox mfa enable alice" in text) == (ExitCode.BAD_DATA, True)
    operator.done("mfa", "enable", "alice", "--json")
    code, text = operator.refused("mfa", "enable", "alice", "--code", "12345")
    assert (code, "clocks" in text) == (ExitCode.BAD_DATA, True)
    assert operator.refused("mfa", "enable", "bob")[0] == ExitCode.NO_USER
    code, text = operator.refused("mfa", "disable", "alice", "--factor", "none")
    assert (code, "pillarbox mfa status alice" in text) == (ExitCode.BAD_DATA, True)
    (operator.data / "second-factors.key").chmod(0o644)
    code, text = operator.refused("mfa", "status")
    assert (code, "chmod 600" in text) == (ExitCode.UNAVAILABLE, True)


def test_what_changes_is_in_the_audit_log(operator: Operator) -> None:
    operator.enable()
    operator.done("mfa", "disable", "alice")
    listed = operator.done("audit", "list")
    assert (listed.count("mfa.added"), listed.count("mfa.disabled")) == (1, 1)


def test_the_operator_asks_it_of_everybody_with_a_setting(operator: Operator) -> None:
    (operator.data / "pillarbox.toml").write_text('[auth.multi_factor]\nrequire = "all"\n')
    assert operator.done("mfa", "status") == "alice\trequired, but there is no factor yet\t0\t0\t0\n"


def test_in_a_pipe_the_uri_is_a_line_and_the_code_another_and_without_one_it_waits(operator: Operator) -> None:
    command = [sys.executable, "-m", "pillarbox", "mfa", "enable", "alice", "--data", str(operator.data)]
    waiting = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60)
    assert waiting.stdout.splitlines()[1].endswith("pillarbox mfa enable alice --code CODE")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as piped:
        assert piped.stdin is not None
        assert piped.stdout is not None
        uri = piped.stdout.readline().strip()
        piped.stdin.write("000\n" + code_for(uri) + "\n")
        piped.stdin.close()
        said = piped.stdout.read().splitlines()
    assert (piped.returncode, said[0], len(said)) == (0, "alice: multi-factor is on", 11)


def test_at_a_terminal_the_qr_code_can_be_scanned(operator: Operator, tmp_path: Path) -> None:
    """The URI that a camera reads from the very characters is the one that the key is typed from."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pillarbox", "mfa", "enable", "alice", "--data", str(operator.data)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"shows now:" not in shown:
        shown += os.read(ours, 65_536)
    text = shown.decode().replace("\r\n", "\n")
    qr, _, rest = text.partition("Scan this")
    uri = scanned(qr, tmp_path / "qr.png")
    assert re.search(r"its key: (\w+)", rest).group(1) in uri  # type: ignore[union-attr]  # or the test fails
    os.write(ours, code_for(uri).encode() + b"\n")
    while b"multi-factor is on" not in shown:
        shown += os.read(ours, 65_536)
    while process.poll() is None:
        try:
            shown += os.read(ours, 65_536)
        except OSError:  # the terminal has gone with the program
            process.wait(30)
    os.close(ours)
    assert (process.returncode, len(RECOVERY_CODE.findall(shown.decode()))) == (0, 10)


def test_the_qr_code_of_a_usual_name_fits_an_80_by_24_terminal() -> None:
    uri = f"otpauth://totp/Pillarbox:alice@mail.example.org?secret={'A' * 32}&issuer=Pillarbox"
    lines = plain(qr_text(uri)).splitlines()
    assert (len(lines) <= 23, max(map(len, lines)) <= 80) == (True, True)


def plain(text: str) -> str:
    """Without what colours it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def scanned(qr: str, picture: Path) -> str:
    """What a camera sees of half-block characters, light ones on a dark terminal; read by zbar."""
    lines = [line for line in plain(qr).splitlines() if line.strip()]
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows: list[bytes] = []
    for line in lines:
        for half in (0, 1):
            row = bytes(halves[each][half] for each in line)
            rows += [bytes(value for value in row for _ in range(8))] * 8
    picture.write_bytes(_png(rows))
    done = subprocess.run(["zbarimg", "--raw", "--quiet", str(picture)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _png(rows: list[bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = len(rows[0]).to_bytes(4, "big") + len(rows).to_bytes(4, "big")
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = chunk(b"IHDR", size + bytes([8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
