"""`pillarbox check` as people type it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.tree import run as command_line
from tests.check import hosts
from tests.check.authority import Authority, Issued
from tests.cli.commands import Said, run


async def typed(*words: str, stdin: str = "") -> Said:
    """In a process of its own, while this loop serves."""
    return await asyncio.to_thread(run, "check", *words, stdin=stdin)


async def test_a_good_server_ends_with_0_and_fits_80_columns(authority: Authority, good: Issued) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file, alpn=("imap",))) as port:
        said = await typed(
            f"localhost:{port}", "--cafile", str(authority.file), "--user", "alice", "--password-stdin",
            stdin=f"{hosts.PASSWORD}\n",
        )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    for words in ("Grade   A+", "alice gets in", "IDLE             there and back", "$ nc -zv", "TLS 1.3"):
        assert words in said.out
    assert hosts.PASSWORD not in said.out
    long = [line for line in said.out.splitlines() if len(line) > 80 and str(authority.file) not in line]
    assert long == []


async def test_a_bad_server_ends_with_2_and_json_says_why(good: Issued) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        said = await typed(f"127.0.0.1:{port}", "--json", "--quick")
    assert said.code == 2
    assert said.json["exit_code"] == 2
    assert said.json["because"] == ["Trust"]
    assert {step["step"] for step in said.json["steps"]} == {"dns", "reach", "tls", "certificate", "talk"}


async def test_prometheus_text(authority: Authority, good: Issued) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        said = await typed(f"127.0.0.1:{port}", "--prometheus", "--cafile", str(authority.file))
    assert said.code == 0
    assert f'pillarbox_check_up{{target="127.0.0.1:{port}",service="imaps"}} 1\n' in said.out
    assert 'version="TLS 1.3"} 1\n' in said.out


async def test_watching_in_a_pipe_is_a_line_a_round(authority: Authority, good: Issued) -> None:
    words = ("--watch", "--every", "1", "--rounds", "2", "--cafile", str(authority.file))
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        said = await typed(f"127.0.0.1:{port}", *words)
    assert said.code == 0
    assert len(said.out.splitlines()) == 2
    assert all("  ok   A+  IPv4 " in line for line in said.out.splitlines())


async def test_other_tools_are_run_and_agree(authority: Authority, good: Issued) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        said = await typed(f"localhost:{port}", "--run-tools", "--json", "--cafile", str(authority.file), "--quick")
    (tools,) = (step["findings"] for step in said.json["steps"] if step["step"] == "tools")
    assert {each["name"]: each["facts"].get("said") for each in tools} == {
        "tools.nc": "open", "tools._dev_tcp": "open", "tools.telnet": "open", "tools.nmap": "open",
        "tools.openssl": "trusted", "tools.curl": "trusted",
    }  # fmt: skip
    assert {each["verdict"] for each in tools} == {"good"}


def only(folder: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    """No other program is installed."""
    for program in programs:
        (folder / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(folder))


async def test_other_tools_agree_that_a_server_is_bad(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path, monkeypatch, "openssl", "curl")
    wrong = authority.issue("example.org")
    async with hosts.host(hosts.Imap(), hosts.tls(wrong.file)) as port:
        said = await typed(f"localhost:{port}", "--run-tools", "--json", "--cafile", str(authority.file), "--quick")
    (tools,) = (step["findings"] for step in said.json["steps"] if step["step"] == "tools")
    answers = {each["name"]: each["facts"].get("said") for each in tools}
    assert (answers["tools.openssl"], answers["tools.curl"]) == ("not trusted", "not trusted")
    assert {each["verdict"] for each in tools} == {"good", "skipped"}


async def test_tools_that_are_missing_are_told(
    authority: Authority, good: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path, monkeypatch, "nc")
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        said = await typed(f"127.0.0.1:{port}", "--run-tools", "--json", "--cafile", str(authority.file), "--quick")
    (tools,) = (step["findings"] for step in said.json["steps"] if step["step"] == "tools")
    assert {each["name"]: each["text"] for each in tools}["tools.nmap"] == "not installed"
    assert {each["name"]: each["text"] for each in tools}["tools.nc"] == "agrees: open"
    assert said.code == 0


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        ((), ExitCode.USAGE, "HOST"),
        (("mail.example.org:0",), ExitCode.USAGE, "HOST:PORT"),
        (("mail.example.org:port",), ExitCode.USAGE, "HOST:PORT"),
        (("mail example",), ExitCode.USAGE, "can't be the name of a host"),
        (("-x",), ExitCode.USAGE, "-x"),
        (("a;b",), ExitCode.USAGE, "can't be the name of a host"),
        (("localhost", "--protocol", "gopher"), ExitCode.USAGE, "gopher"),
        (("localhost", "--cafile", "/nonexistent.pem"), ExitCode.NO_INPUT, "/nonexistent.pem"),
        (("localhost", "--user", "alice"), ExitCode.USAGE, "--password-stdin"),
        (("localhost", "--password-stdin"), ExitCode.USAGE, "--user"),
        (("localhost", "--resolver", "ns.example.org"), ExitCode.USAGE, "--resolver"),
        (("localhost", "--step-seconds", "0"), ExitCode.USAGE, "--step-seconds"),
        (("localhost", "--every", "0"), ExitCode.USAGE, "--every"),
        (("localhost", "--rounds", "0"), ExitCode.USAGE, "--rounds"),
        (("localhost", "--password", "secret"), ExitCode.USAGE, "--password"),
    ],
)
def test_mistakes_are_told_in_plain_words(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: ExitCode, hint: str
) -> None:
    with pytest.raises(CommandFailed) as failure:
        command_line(["check", *words])
    assert failure.value.code == code
    assert hint in str(failure.value)
    assert capsys.readouterr().out == ""


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    said = run("check", "localhost:1", "--cafile", str(tmp_path / "ca.pem"))
    assert said.code == ExitCode.NO_INPUT
    assert "no certificate" in said.err


def test_help_teaches_with_examples() -> None:
    said = run("check", "--help")
    assert said.code == 0
    assert "pillarbox check mail.example.org" in said.out
    assert json.dumps(said.err) == '""'
