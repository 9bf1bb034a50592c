"""Nobody pushes out of the log what others did: not by guessing, and not with an account of one's own."""

from collections.abc import Iterable
from pathlib import Path

from pillarbox.audit.entry import Happening
from pillarbox.audit.recorder import AuditRecorder
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.thinning import Thinner
from pillarbox.audit.trail import AuditTrail
from pillarbox.audit.verify import entries
from pillarbox.events import NoEvents
from tests.audit.test_recorder import StillClock

BEGIN = 1_790_000_000.0
DAY = 86_400


def happening(event: str, **fields: str) -> Happening:
    return Happening(BEGIN, event, "server", 1, fields)


def kept(thinner: Thinner, each: Happening, times: Iterable[float]) -> int:
    return sum(thinner.keeps(each, BEGIN + seconds) for seconds in times)


def test_a_day_of_guessing_fills_no_more_than_a_days_allowance() -> None:
    thinner = Thinner(AuditSettings(denied_per_day=100))
    denied = happening("login.denied", login="alice")
    assert 100 <= kept(thinner, denied, range(0, DAY, 30)) <= 200
    assert 99 <= kept(thinner, denied, range(DAY, 2 * DAY, 30)) <= 101


def test_what_is_left_out_is_told_once_a_minute_and_nothing_is_lost() -> None:
    thinner = Thinner(AuditSettings(denied_per_day=0))
    told = []
    for second in range(600):
        told += thinner.due(BEGIN + second)
        assert not thinner.keeps(happening("login.denied", login="alice"), BEGIN + second)
    assert [name for name, _ in told] == ["login.denied_more"] * 9
    assert sum(int(str(fields["count"])) for _, fields in told + thinner.rest()) == 600
    assert not thinner.counts


def test_an_account_can_repeat_itself_so_often_and_hinders_nobody_else() -> None:
    thinner = Thinner(AuditSettings(same_per_day=10))
    assert kept(thinner, happening("acl.changed", login="mallory"), [0] * 50) == 10
    assert kept(thinner, happening("login.granted", login="mallory", account="m"), [0]) == 1
    assert kept(thinner, happening("acl.changed", login="alice"), [0] * 10) == 10
    assert kept(thinner, happening("session.ended_by_hand", account="m"), [0]) == 1
    assert thinner.rest() == [("audit.more", {"of": "acl.changed", "login": "mallory", "count": 40})]


def test_what_the_server_does_by_itself_is_always_kept() -> None:
    thinner = Thinner(AuditSettings(same_per_day=1))
    assert kept(thinner, happening("certificate.added", path="x"), [0] * 100) == 100


def test_floods_of_all_kinds_leave_the_oldest_entry_where_it_is(tmp_path: Path) -> None:
    settings = AuditSettings(file_bytes=20_000, files=3, denied_per_day=20, same_per_day=20)
    recorder = AuditRecorder(AuditTrail(tmp_path, settings), settings, "server", StillClock(), NoEvents())
    recorder.start()
    recorder.record("account.password_changed", {"login": "alice"})
    for _ in range(1_000):
        recorder.record("login.denied", {"login": "alice"})
        recorder.record("login.granted", {"login": "mallory"})
        recorder.record("acl.changed", {"login": "mallory", "mailbox": "x" * 200})
    recorder.close()
    found = list(entries(tmp_path))
    assert found[0].event == "account.password_changed"
    assert sum(int(str(each.fields.get("count", 0))) for each in found) == 3 * (1_000 - 20)
