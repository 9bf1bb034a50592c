"""From an event to an entry: at once, or by the thread; floods; disks that are full."""

from pathlib import Path

from pillarbox.audit.entry import Happening
from pillarbox.audit.recorder import AuditedLog, AuditRecorder
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail, Head
from pillarbox.audit.verify import entries, verify
from pillarbox.events import Field, NoEvents
from tests.audit.test_trail import key_of


class Kept(NoEvents):
    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Field]]] = []

    def info(self, event: str, **fields: Field) -> None:
        self.said.append((event, fields))

    def error(self, event: str, **fields: Field) -> None:
        self.said.append((event, fields))

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self.said.append((event, fields))


class StillClock:
    def now_seconds(self) -> float:
        return 1_790_000_000.0

    def monotonic_seconds(self) -> float:
        return 0.0


class FullDisk(AuditTrail):
    """Has no room until it is told so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, AuditSettings())
        self.full = True

    def append(self, happenings: list[Happening]) -> Head:  # type: ignore[override]  # narrower on purpose
        if self.full:
            raise OSError(28, "No space left on device")
        return super().append(happenings)


def recorder(trail: AuditTrail, log: Kept, settings: AuditSettings | None = None) -> AuditRecorder:
    return AuditRecorder(trail, settings or AuditSettings(), "server", StillClock(), log)


def told(folder: Path) -> list[tuple[str, dict[str, Field]]]:
    return [(each.event, dict(each.fields)) for each in entries(folder)]


def test_audited_events_go_to_both_and_others_to_the_operators_log_alone(tmp_path: Path) -> None:
    log = Kept()
    events = AuditedLog(log, recorder(AuditTrail(tmp_path, AuditSettings()), Kept()).record)
    events.info("login.granted", login="alice")
    events.info("connection.ended", address="192.0.2.1")
    events.bug("login.alarm_not_told", RuntimeError("private"), kind="new_device")
    assert told(tmp_path) == [("login.granted", {"login": "alice"})]
    assert [name for name, _ in log.said] == ["login.granted", "connection.ended", "login.alarm_not_told"]


def test_the_thread_writes_everything_in_order_before_close_returns(tmp_path: Path) -> None:
    kept = recorder(AuditTrail(tmp_path, AuditSettings()), Kept())
    kept.record("server.ready", {})
    kept.start()
    for number in range(2000):
        kept.record("account.added", {"number": number})
    kept.close()
    kept.record("server.stopped", {})
    happened = told(tmp_path)
    assert happened == [
        ("server.ready", {}),
        *(("account.added", {"number": number}) for number in range(2000)),
        ("server.stopped", {}),
    ]
    assert verify(tmp_path, key_of(tmp_path)).broken == ""


def test_the_operators_log_has_heads_now_and_then(tmp_path: Path) -> None:
    log = Kept()
    kept = recorder(AuditTrail(tmp_path, AuditSettings()), log)
    kept.start()
    for _ in range(2500):
        kept.record("account.added", {})
    kept.close()
    heads = [str(fields["head"]) for event, fields in log.said if event == "audit.checkpoint"]
    assert 3 <= len(heads) <= 4
    number, _, digest = heads[-1].partition(":")
    assert verify(tmp_path, None, Head(int(number), digest)).broken == ""


def test_guessing_does_not_push_the_rest_out(tmp_path: Path) -> None:
    kept = recorder(AuditTrail(tmp_path, AuditSettings()), Kept(), AuditSettings(denied_per_second=5))
    kept.start()
    for _ in range(100):
        kept.record("login.denied", {"login": "alice"})
    kept.record("account.added", {})
    kept.close()
    happened = [event for event, _ in told(tmp_path)]
    assert (happened.count("login.denied"), happened.count("account.added")) == (5, 1)
    assert sum(int(str(fields["count"])) for event, fields in told(tmp_path) if event == "login.denied_more") == 95


def test_a_full_disk_stops_nobody_and_what_is_missing_is_told_later(tmp_path: Path) -> None:
    log = Kept()
    trail = FullDisk(tmp_path)
    kept = recorder(trail, log)
    for _ in range(3):
        kept.record("login.granted", {})
    assert [event for event, _ in log.said] == ["audit.not_recorded"] * 3
    trail.full = False
    kept.record("login.granted", {"login": "bob"})
    assert told(tmp_path) == [("audit.not_recorded", {"count": 3}), ("login.granted", {"login": "bob"})]
