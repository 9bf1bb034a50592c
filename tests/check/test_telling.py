"""How a report is told: on a screen of 80 columns, as JSON, to Prometheus, live, by exit code and grade."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from pillarbox.check.by_hand import commands
from pillarbox.check.findings import (
    Finding,
    Monitoring,
    Report,
    Scribe,
    Section,
    Step,
    Verdict,
    costs,
    exit_code,
    grade,
)
from pillarbox.check.settings import Login
from pillarbox.check.telling import screen
from pillarbox.check.telling.document import document
from pillarbox.check.telling.live import LiveView
from pillarbox.check.telling.metrics import metrics
from pillarbox.secret import Secret
from tests.check.looking import settings

SCRIBE = Scribe(Section.TLS, "tls")
GOOD = SCRIBE.good("handshake", "Handshake", "TLS 1.3", facts={"milliseconds": 3.0})
NOTE = SCRIBE.note("alpn", "ALPN", "ignored", "Look at it.")
WARNING = SCRIBE.warning("old", "TLS 1.0", "accepted", "Forbid it.", cap="C")
FAILURE = SCRIBE.failure("trust", "Trust", "nobody vouches for it", "Get one.")
UNKNOWN = SCRIBE.unknown("sni", "SNI", "no answer")


def report(*findings: Finding, started: float = 1_780_000_000.0) -> Report:
    step = Step(Section.TLS, findings, ("openssl s_client -connect mail.example.org:993",), 0.25)
    return Report("mail.example.org", 993, "imaps", "IMAP with TLS", started, 1.5, (step,))


@pytest.mark.parametrize(
    ("findings", "letter", "code"),
    [
        ((), "A+", Monitoring.OK),
        ((GOOD, NOTE), "A+", Monitoring.OK),
        ((GOOD, UNKNOWN), "A+", Monitoring.UNKNOWN),
        ((GOOD, WARNING, UNKNOWN), "C", Monitoring.WARNING),
        ((WARNING, FAILURE, UNKNOWN), "F", Monitoring.CRITICAL),
    ],
)
def test_findings_add_up(findings: tuple[Finding, ...], letter: str, code: Monitoring) -> None:
    assert (grade(findings), exit_code(findings)) == (letter, code)


def test_what_costs_the_grade_is_named() -> None:
    assert costs((GOOD, WARNING, FAILURE)) == ("Trust",)
    assert costs((GOOD, WARNING)) == ("TLS 1.0",)
    assert costs((GOOD,)) == ()


def shown(*findings: Finding, width: int = 80) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=width, highlight=False, markup=False, soft_wrap=True)
    whole = report(*findings)
    for line in (
        *screen.heading(whole.host, whole.port, whole.title, width),
        *screen.section(whole.steps[0], width, screen.ByHand.SHOW),
        *screen.summary(whole, width),
    ):
        console.print(line)
    return output.getvalue().splitlines()


def test_the_screen_says_verdict_remedy_command_and_grade_without_colour() -> None:
    lines = shown(GOOD, FAILURE)
    assert "  ok    Handshake        TLS 1.3" in lines
    assert "  FAIL  Trust            nobody vouches for it" in lines
    assert "                         > Get one." in lines
    assert "    $ openssl s_client -connect mail.example.org:993" in lines
    assert "Grade   F   Mail programs can't connect safely." in lines
    assert "       Because of: Trust" in lines
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    long = SCRIBE.warning("long", "A long one", "word " * 60, "remedy " * 40)
    lines = shown(GOOD, replace(long, details=("TLS_" + "X" * 40 + " (no forward secrecy)",)), width=width)
    assert max(len(line) for line in lines) <= min(width, 100)


def test_a_wrapped_command_is_the_same_command() -> None:
    given = settings(993, host="mail.example.org")
    for section in Section:
        for command in commands(given, section):
            step = Step(section, (GOOD,), (command,), 0.0)
            lines = [text.plain for text in screen.section(step, 60, screen.ByHand.SHOW)]
            start = next(number for number, line in enumerate(lines) if line.startswith("    $ "))
            joined = "\n".join(lines[start:]).removeprefix("    $ ")
            assert re.sub(r" \\\n +", " ", joined) == command


def test_commands_hold_no_password_and_quote_what_must_be_quoted() -> None:
    given = replace(
        settings(143, host="mail.example.org", service="imap"),
        login=Login("al ice", Secret("hidden")),
        domain="example.org",
    )
    lines = [command for section in Section for command in commands(given, section)]
    assert not [line for line in lines if "hidden" in line]
    assert any("--user 'al ice'" in line for line in lines)
    assert any("-starttls imap" in line for line in lines)
    words = " ".join(lines)
    for program in (
        "dig ",
        "nc -zv",
        "/dev/tcp/",
        "telnet ",
        "nmap ",
        "-sV",
        "openssl s_client",
        "curl -v",
        "testssl ",
    ):
        assert program in words


def test_ipv6_hosts_are_written_as_each_program_wants() -> None:
    given = settings(993, host="2001:db8::1")
    assert "nmap -6 -Pn -p 993 -sV 2001:db8::1" in commands(given, Section.REACH)
    assert any("-connect '[2001:db8::1]:993'" in line for line in commands(given, Section.TLS))


def test_json_holds_everything() -> None:
    found = document(report(GOOD, FAILURE))
    assert (found["grade"], found["exit_code"], found["because"]) == ("F", 2, ["Trust"])
    assert found["started"] == "2026-05-28T20:26:40+00:00"
    (step,) = found["steps"]  # type: ignore[misc]  # it is a list
    assert step["step"] == "tls"
    assert step["findings"][1] == {
        "name": "tls.trust", "verdict": "failure", "text": "nobody vouches for it", "remedy": "Get one.", "cap": "F",
        "facts": {},
    }  # fmt: skip


def test_prometheus_text_is_well_formed() -> None:
    suites = Scribe(Section.SUITES, "suites")
    old = suites.warning("tls1_0", "TLS 1.0", "accepted", "Forbid it.", cap="C", facts={"accepted": True})
    expiry = SCRIBE.good("x", "Valid", "", facts={"not_after_seconds": 1.8e9})
    text = metrics(report(GOOD, old, UNKNOWN, replace(expiry, name="certificate.expiry")))
    label = r'[a-z_]+="(?:[^"\\\n]|\\.)*"'
    for line in text.splitlines():
        assert re.fullmatch(rf"# (HELP|TYPE) .+|pillarbox_check_[a-z_]+\{{{label}(,{label})*\}} [0-9.e+]+", line), line
    target = 'target="mail.example.org:993",service="imaps"'
    assert f"pillarbox_check_up{{{target}}} 1\n" in text
    assert f"pillarbox_check_grade{{{target}}} 3\n" in text
    assert f'pillarbox_check_answer_seconds{{{target},finding="tls.handshake"}} 0.003\n' in text
    assert f'pillarbox_check_version_accepted{{{target},version="TLS 1.0"}} 1\n' in text
    assert f"pillarbox_check_certificate_not_after_seconds{{{target}}} 1800000000\n" in text
    assert len(set(re.findall(r"# TYPE (\S+)", text))) == len(re.findall(r"# TYPE (\S+)", text))


def test_the_live_view_shows_now_and_before() -> None:
    view = LiveView()
    for number in range(40):
        faster = replace(GOOD, facts={"milliseconds": float(number)})
        view.add(report(faster, started=1_780_000_000.0 + number))
    view.add(report(FAILURE, started=1_780_000_100.0))
    output = io.StringIO()
    Console(file=output, width=80).print(view.render())
    text = output.getvalue()
    assert "round 41, 1 failed" in text
    assert "FAIL  Trust: nobody vouches for it" in text
    (row,) = (line for line in text.splitlines() if line.startswith("Handshake"))
    assert row.split()[:5] == ["Handshake", "-", "11.0", "39.0", row.split()[-1]]
    assert row.endswith("█x")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert view.line() == "2026-05-28 20:28:20 UTC  FAIL F     tls.trust"


def test_verdicts_are_words_that_differ() -> None:
    assert len({verdict.value for verdict in Verdict}) == len(Verdict)
