"""Messages on their way in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pillarbox.mail.errors import MessageTooBig, StoreUnavailable
from pillarbox.store.staged import StagedMessage


def test_a_small_message_stays_in_memory(tmp_path: Path) -> None:
    staged = StagedMessage(tmp_path, 10, 100)
    staged.write(b"12345")
    staged.write(memoryview(b"67890"))
    assert staged.bytes_in_memory() == b"1234567890"
    assert list(tmp_path.iterdir()) == []


def test_a_larger_one_goes_to_a_private_file_and_can_be_linked(tmp_path: Path) -> None:
    staged = StagedMessage(tmp_path, 10, 100)
    staged.write(b"1234567890")
    staged.write(b"x")
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert staged.bytes_in_memory() is None
    assert staged.sha256() == hashlib.sha256(b"1234567890x").digest()
    staged.link_to(tmp_path / "kept")
    staged.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"1234567890x"


def test_it_stops_at_the_limit_and_keeps_what_it_has(tmp_path: Path) -> None:
    staged = StagedMessage(tmp_path, 10, 20)
    staged.write(b"x" * 20)
    with pytest.raises(MessageTooBig):
        staged.write(b"x")
    assert staged.size_bytes == 20


def test_a_failing_disk_is_said_and_nothing_stays(tmp_path: Path) -> None:
    staged = StagedMessage(tmp_path / "missing", 10, 100)
    with pytest.raises(StoreUnavailable):
        staged.write(b"x" * 11)
    with pytest.raises(ValueError, match="discarded"):
        staged.write(b"x")


def test_a_forgotten_one_leaves_no_file(tmp_path: Path) -> None:
    staged = StagedMessage(tmp_path, 10, 100)
    staged.write(b"x" * 50)
    del staged
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("memory_bytes", [10, 100], ids=["in a file", "in memory"])
def test_what_was_written_can_be_read_in_pieces(tmp_path: Path, memory_bytes: int) -> None:
    staged = StagedMessage(tmp_path, memory_bytes, 100)
    staged.write(b"0123456789")
    staged.write(b"abcdefghijk")
    assert list(staged.pieces(8)) == [b"01234567", b"89abcdef", b"ghijk"]
    assert list(staged.pieces(8)) == [b"01234567", b"89abcdef", b"ghijk"]
