"""Every way of tampering with the audit log that docs/audit.md says is found."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pillarbox.audit.entry import Happening
from pillarbox.audit.sealing import SealKey
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail, Head, audit_files, key_path, state_path
from pillarbox.audit.verify import AuditMissing, Verdict, entries, verify

LINES = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trail = AuditTrail(tmp_path / "audit", AuditSettings())
    for number in range(1, LINES + 1):
        trail.append([happening(f"account.number_{number}")])
    return tmp_path / "audit"


def happening(event: str, **fields: str | int) -> Happening:
    return Happening(1_790_000_000.5, event, "server", 1, fields)


def first_key(folder: Path) -> SealKey:
    return SealKey.parse(key_path(folder).read_text())


def tamper(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> Verdict:
    """What is found, without a key, when a file's lines are changed."""
    (file,) = audit_files(folder)
    file.write_bytes(b"".join(line + b"\n" for line in change(file.read_bytes().split(b"\n")[:-1])))
    return verify(folder)


def rewritten(lines: list[bytes], seal: str = "0" * 32) -> list[bytes]:
    """The same stories with all hashes computed anew, as somebody without the key can."""
    made, previous = [], "0" * 64
    for number, line in enumerate(lines, start=1):
        value = json.loads(line) | {"number": number, "previous": previous}
        del value["hash"], value["seal"]
        body = json.dumps(value, separators=(",", ":")).encode()[:-1]
        previous = hashlib.sha256(body).hexdigest()
        made.append(body + f',"hash":"{previous}","seal":"{seal}"}}'.encode())
    return made


def test_a_log_as_it_was_written_is_whole(folder: Path) -> None:
    verdict = verify(folder, first_key(folder))
    assert (verdict.broken, verdict.entries, verdict.first, verdict.head.number) == ("", LINES, 1, LINES)
    assert verdict.sealed
    assert [each.event for each in entries(folder)] == [f"account.number_{number}" for number in range(1, LINES + 1)]


def test_a_changed_entry_is_found_and_named(folder: Path) -> None:
    verdict = tamper(folder, lambda lines: [line.replace(b"number_5", b"number_6") for line in lines])
    assert (verdict.broken, verdict.place) == (
        "entry 5: it was changed: its hash does not fit",
        "audit-000000000001.jsonl, line 5",
    )
    assert verdict.head.number == 4


def test_a_changed_entry_with_a_hash_that_fits_breaks_the_chain(folder: Path) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        value = json.loads(lines[4]) | {"event": "nothing.happened"}
        digest = hashlib.sha256(
            body := json.dumps(
                {k: v for k, v in value.items() if k not in ("hash", "seal")}, separators=(",", ":")
            ).encode()[:-1]
        ).hexdigest()
        lines[4] = body + f',"hash":"{digest}","seal":"{value["seal"]}"}}'.encode()
        return lines

    assert tamper(folder, change).broken.startswith("entry 6 does not follow the one before it")


def test_a_removed_entry_is_found(folder: Path) -> None:
    assert tamper(folder, lambda lines: lines[:4] + lines[6:]).broken == "entries 5 to 6 are missing"


def test_entries_in_another_order_are_found(folder: Path) -> None:
    verdict = tamper(folder, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])
    assert verdict.broken == "entries 4 to 4 are missing"


def test_an_entry_that_is_there_twice_is_found(folder: Path) -> None:
    assert tamper(folder, lambda lines: [*lines[:3], lines[2], *lines[3:]]).broken == "entry 3 comes after entry 3"


def test_entries_removed_at_the_start_are_found(folder: Path) -> None:
    (file,) = audit_files(folder)
    file.write_bytes(file.read_bytes().split(b"\n", 3)[3])
    file.rename(folder / "audit-000000000004.jsonl")
    assert verify(folder).broken == "entries 1 to 3 are missing, and the log did not remove them itself"


def test_an_end_that_was_cut_off_is_found_by_the_state(folder: Path) -> None:
    assert tamper(folder, lambda lines: lines[:-2]).broken == f"entries {LINES - 1} to {LINES} are missing at the end"


def test_an_end_that_was_cut_off_stays_found_when_writing_goes_on(folder: Path) -> None:
    tamper(folder, lambda lines: lines[:-2])
    AuditTrail(folder, AuditSettings()).append([happening("account.added")])
    assert verify(folder).broken == f"entries {LINES - 1} to {LINES} are missing"
    assert [each.event for each in entries(folder)][-2:] == ["audit.gap", "account.added"]


def test_a_cut_end_with_a_state_made_to_fit_needs_the_key_to_be_found(folder: Path) -> None:
    key = first_key(folder)
    tamper(folder, lambda lines: lines[:-2])
    state_path(folder).write_text(SealKey.new(LINES - 1).text())
    assert verify(folder).broken == ""
    assert verify(folder, key).broken.startswith("the state file was made by somebody without the log's key")


def test_a_log_that_was_written_anew_needs_the_key_to_be_found(folder: Path) -> None:
    key = first_key(folder)

    def change(lines: list[bytes]) -> list[bytes]:
        return rewritten([line for line in lines if b"number_5" not in line])

    state_path(folder).write_text(SealKey.new(LINES).text())
    assert tamper(folder, change).broken == ""
    verdict = verify(folder, key)
    assert verdict.broken == "entry 1: its seal does not fit; it was written without the log's key"


def test_a_thief_of_todays_key_can_not_seal_what_was_before(folder: Path) -> None:
    key, stolen = first_key(folder), SealKey.parse(state_path(folder).read_text())
    (file,) = audit_files(folder)
    lines = rewritten(file.read_bytes().split(b"\n")[:-1])
    sealed = [
        line.replace(b"0" * 32 + b'"}', stolen.seal(bytes.fromhex(json.loads(line)["hash"])).encode() + b'"}')
        for line in lines
    ]
    file.write_bytes(b"\n".join(sealed) + b"\n")
    assert verify(folder).broken == ""
    assert verify(folder, key).broken == "entry 1: its seal does not fit; it was written without the log's key"


def test_a_state_that_is_gone_is_told_and_breaks_the_seals_that_follow(folder: Path) -> None:
    key = first_key(folder)
    state_path(folder).unlink()
    assert verify(folder).broken.startswith("the state file is gone")
    AuditTrail(folder, AuditSettings()).append([happening("account.added")])
    assert [each.event for each in entries(folder)][-2:] == ["audit.key_lost", "account.added"]
    assert (
        verify(folder, key).broken == f"entry {LINES + 1}: its seal does not fit; it was written without the log's key"
    )


def test_a_folder_put_back_to_an_older_one_is_found_by_a_head_written_down(folder: Path, tmp_path: Path) -> None:
    key = first_key(folder)
    shutil.copytree(folder, tmp_path / "older")
    head = AuditTrail(folder, AuditSettings()).append([happening("account.removed")])
    assert verify(folder, key, head).broken == ""
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "older", folder)
    assert verify(folder, key).broken == ""
    expected = f"entries {LINES + 1} to {LINES + 1}, which were written down, are missing"
    assert verify(folder, key, head).broken == expected
    AuditTrail(folder, AuditSettings()).append([happening("account.added")])
    assert verify(folder, None, head).broken == f"entry {LINES + 1} is not the one that was written down"


def test_a_file_with_another_files_name_is_found(folder: Path) -> None:
    (file,) = audit_files(folder)
    file.rename(folder / "audit-000000000002.jsonl")
    assert verify(folder).broken == "the file begins with entry 1: it has another's name"


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"number":1}', b"\xff\x00", b"[" * 5000])
def test_a_line_that_is_no_entry_is_found(folder: Path, line: bytes) -> None:
    verdict = tamper(folder, lambda lines: [*lines[:2], line, *lines[2:]])
    assert verdict.broken == "entry 3: it is not an entry"


def test_where_there_is_no_log_nothing_is_said_to_be_whole(tmp_path: Path) -> None:
    with pytest.raises(AuditMissing):
        verify(tmp_path / "audit")


def test_a_head_is_written_as_number_and_hash() -> None:
    assert str(Head(7, "ab")) == "7:ab"
