"""`pillarbox logins`, `alarms` and `bans`: as a person at a shell sees them."""

from __future__ import annotations

from dataclasses import replace

from pillarbox.auth.alarms import Alarm, AlarmKind, Alarms
from pillarbox.auth.history import LoginHistory, LoginRecord
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.settings import MonitorSettings
from pillarbox.cli.exits import ExitCode
from pillarbox.clock import HeldClock
from tests.cli.commands import CommandLine

GRANTED = LoginRecord(1, 1.0, "alice", "id", "192.0.2.7", "Mutt 2.2", "PLAIN", "granted", "", "known", "phone")
DENIED = replace(
    GRANTED,
    decision=2,
    seconds=2.0,
    name="bob",
    client="",
    result="denied",
    reason="wrong credentials",
    app_password="",
)


def test_logins_are_listed_newest_first_and_by_user(alice: CommandLine) -> None:
    ledger = Ledger.open(alice.data / "logins.db")
    with ledger.change() as connection:
        LoginHistory(ledger, HeldClock(), MonitorSettings()).add(connection, [GRANTED, DENIED])
    ledger.close()
    assert alice.done("logins", "list").out.splitlines() == [
        "1970-01-01 00:00:02\tbob\tdenied\t192.0.2.7\t\tPLAIN\twrong credentials\t",
        "1970-01-01 00:00:01\talice\tgranted\t192.0.2.7\tMutt 2.2\tPLAIN\t\tphone",
    ]
    told = alice.done("logins", "list", "--user", "ALICE", "--json").json
    assert [(each["name"], each["client"], each["time"]) for each in told] == [
        ("alice", "Mutt 2.2", "1970-01-01 00:00:01")
    ]
    assert len(alice.done("logins", "list", "--last", "1").out.splitlines()) == 1


def test_an_alarm_is_listed_until_it_is_confirmed(alice: CommandLine) -> None:
    ledger = Ledger.open(alice.data / "logins.db")
    with ledger.change() as connection:
        alarm = Alarm(AlarmKind.PLACE, "alice", "id", "192.0.2.7", "curl", "never seen before", 1.0)
        Alarms(ledger, HeldClock()).add(connection, alarm)
    ledger.close()
    assert "\tnew-place\talice\t192.0.2.7\tcurl\tnever seen before\t" in alice.done("alarms", "list").out
    assert alice.done("alarms", "confirm", "1").out == "alarm 1 is confirmed: new-place, alice\n"
    assert alice.done("alarms", "list").out == ""
    assert alice.done("alarms", "list", "--confirmed", "--json").json[0]["kind"] == "new-place"
    assert alice("alarms", "confirm", "9").code == ExitCode.BAD_DATA


def test_a_ban_is_added_listed_and_lifted(alice: CommandLine) -> None:
    said = alice.done("bans", "add", "192.0.2.7/24", "--reason", "test").out
    assert said == "192.0.2.0/24 is banned until the ban is removed\n"
    alice.done("bans", "add", "2001:db8::1", "--hours", "2")
    rows = [line.split("\t") for line in alice.done("bans", "list").out.splitlines()]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("192.0.2.0/24", "hand", "test"),
        ("2001:db8::1/128", "hand", "by hand"),
    ]
    assert alice.done("bans", "remove", "192.0.2.0/24").out == "192.0.2.0/24 is banned no more\n"
    assert [ban["network"] for ban in alice.done("bans", "list", "--json").json] == ["2001:db8::1/128"]


def test_what_is_no_ban_is_refused_with_what_to_do(alice: CommandLine) -> None:
    assert alice("bans", "add", "example.org").code == ExitCode.USAGE
    assert alice("bans", "add", "192.0.2.7", "--hours", "0").code == ExitCode.USAGE
    said = alice("bans", "remove", "192.0.2.7")
    assert (said.code, "pillarbox bans list" in said.err) == (ExitCode.BAD_DATA, True)
