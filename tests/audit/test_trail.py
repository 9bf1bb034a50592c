"""The audit log on disk: rotation, torn lines, several writers, kill -9."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.audit.entry import Happening
from pillarbox.audit.sealing import SealKey
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail, audit_files, key_path, state_path
from pillarbox.audit.verify import entries, verify

WRITER = """
import sys
from pathlib import Path
from pillarbox.audit.entry import Happening
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail

trail = AuditTrail(Path(sys.argv[1]), AuditSettings(file_bytes=20_000, files=1000))
for number in range(int(sys.argv[2])):
    trail.append([Happening(float(number), "account.added", sys.argv[3], 1, {"number": number, "part": part})
                  for part in range(3)])
    print(number, flush=True)
"""


def happening(event: str = "account.added", **fields: str | int) -> Happening:
    return Happening(1_790_000_000.5, event, "server", 1, fields)


def key_of(folder: Path) -> SealKey:
    return SealKey.parse(key_path(folder).read_text())


def test_nobody_else_can_read_any_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    AuditTrail(folder, AuditSettings()).append([happening()])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"audit": 0o700, "audit-000000000001.jsonl": 0o600, ".next-key": 0o600, "verification.key": 0o600}


def test_an_entry_has_its_number_time_story_and_hashes(tmp_path: Path) -> None:
    AuditTrail(tmp_path, AuditSettings()).append([happening("account.added", login="zoë"), happening()])
    (file,) = audit_files(tmp_path)
    first, second = (json.loads(line) for line in file.read_bytes().splitlines())
    assert {name: first[name] for name in ("number", "time", "event", "by", "pid", "fields", "previous")} == {
        "number": 1,
        "time": "2026-09-21T14:13:20.500Z",
        "event": "account.added",
        "by": "server",
        "pid": 1,
        "fields": {"login": "zoë"},
        "previous": "0" * 64,
    }
    assert (second["number"], second["previous"]) == (2, first["hash"])


def test_what_a_client_says_of_itself_fills_no_log(tmp_path: Path) -> None:
    AuditTrail(tmp_path, AuditSettings()).append([happening(client="x" * 100_000)])
    (entry,) = entries(tmp_path)
    assert len(str(entry.fields["client"])) == 300


def test_old_files_go_and_the_chain_stays_whole(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path, AuditSettings(file_bytes=2000, files=3))
    for number in range(60):
        trail.append([happening(number=number)])
    files = audit_files(tmp_path)
    assert len(files) == 3
    verdict = verify(tmp_path, key_of(tmp_path))
    assert verdict.broken == ""
    assert verdict.first == int(files[0].stem.rpartition("-")[2]) > 1
    kept = list(entries(tmp_path))
    assert kept[-1].fields == {"number": 59}
    assert {each.event for each in kept if each.by == "log"} == {"audit.discarded"}


def test_a_file_that_was_not_discarded_by_the_log_is_missed(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path, AuditSettings(file_bytes=2000, files=10))
    for number in range(30):
        trail.append([happening(number=number)])
    audit_files(tmp_path)[0].unlink()
    assert "the log did not remove them itself" in verify(tmp_path).broken
    audit_files(tmp_path)[1].unlink()
    assert verify(tmp_path).broken.endswith("are missing")


@pytest.mark.parametrize("whole_lines", [0, 3])
def test_a_line_that_a_killed_writer_left_is_mended_by_the_next_one(tmp_path: Path, whole_lines: int) -> None:
    trail = AuditTrail(tmp_path, AuditSettings())
    for _ in range(whole_lines):
        trail.append([happening()])
    with (tmp_path / "audit-000000000001.jsonl").open("ab") as file:
        file.write(b'{"number":4,"ti')
    AuditTrail(tmp_path, AuditSettings()).append([happening("account.removed")])
    assert verify(tmp_path, key_of(tmp_path)).broken == ""
    assert [each.event for each in entries(tmp_path)] == [
        *["account.added"] * whole_lines,
        "audit.mended",
        "account.removed",
    ]


def test_a_line_that_is_not_finished_is_no_sign_of_tampering(tmp_path: Path) -> None:
    AuditTrail(tmp_path, AuditSettings()).append([happening()])
    with (tmp_path / "audit-000000000001.jsonl").open("ab") as file:
        file.write(b'{"number":2,"ti')
    verdict = verify(tmp_path, key_of(tmp_path))
    assert (verdict.broken, verdict.entries, verdict.unfinished_bytes) == ("", 1, 15)


def test_a_writer_that_died_before_it_kept_the_key_is_followed(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path, AuditSettings())
    trail.append([happening()])
    before = state_path(tmp_path).read_bytes()
    trail.append([happening(), happening()])
    state_path(tmp_path).write_bytes(before)
    AuditTrail(tmp_path, AuditSettings()).append([happening()])
    verdict = verify(tmp_path, key_of(tmp_path))
    assert (verdict.broken, verdict.entries) == ("", 4)


def test_a_full_disk_leaves_no_half_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = AuditTrail(tmp_path, AuditSettings())
    trail.append([happening()])
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: write(file, data[:10]))
        with pytest.raises(OSError):
            trail.append([happening()])
    trail.append([happening()])
    assert [each.number for each in entries(tmp_path)] == [1, 2]
    assert verify(tmp_path, key_of(tmp_path)).broken == ""


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "40", name], stdout=subprocess.DEVNULL)
        for name in ("one", "two", "three")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    verdict = verify(tmp_path, key_of(tmp_path))
    assert (verdict.broken, verdict.entries) == ("", 360)
    numbers = [each.fields["number"] for each in entries(tmp_path) if each.by == "two"]
    assert numbers == [number for number in range(40) for _ in range(3)]


def test_what_was_written_outlives_kill_9_in_the_middle(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {}
    for name in ("one", "two", "three"):
        command = [sys.executable, "-c", WRITER, str(tmp_path), "100000", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(25):
                acknowledged[name] = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
    AuditTrail(tmp_path, AuditSettings()).append([happening()])
    assert verify(tmp_path, key_of(tmp_path)).broken == ""
    for name, last in acknowledged.items():
        written = [each.fields["number"] for each in entries(tmp_path) if each.by == name]
        assert set(written) >= set(range(last + 1))
