"""A folder with backups: pieces, runs, keys; what damage and interruptions do to it."""

from __future__ import annotations

import os
from pathlib import Path

import pyrage
import pytest

from pillarbox.backup.chest import Chest, Run, Unit, make_chest, open_chest
from pillarbox.backup.laying import lay_file
from pillarbox.backup.taking import store_file
from pillarbox.backup.trouble import BackupDamaged, BackupTrouble
from pillarbox.secret import Secret

WORDS = b"a letter that nobody else should read " * 20_000


def finished(chest: Chest, name: str, *sources: Path) -> Run:
    files = [store_file(chest, source, f"certificates/{source.name}", lambda _: None) for source in sources]
    unit = Unit("", "", chest.put_listing(files), sum(file.size_bytes for file in files))
    run = Run(name, 1, 2, "0", chest.written_bytes, [unit])
    chest.finish(run)
    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(WORDS)
    return path


def pieces(chest_folder: Path) -> list[Path]:
    return sorted((chest_folder / "objects").glob("??/*"))


def test_what_was_stored_comes_back_and_is_stored_once(tmp_path: Path, source: Path) -> None:
    chest = make_chest(tmp_path / "chest", (), tmp_path / "keys")
    first = finished(chest, "20260101T000000Z", source)
    again = finished(open_chest(tmp_path / "chest", (), None), "20260102T000000Z", source)
    assert again.new_bytes == 0
    assert again.units == first.units
    reading = open_chest(tmp_path / "chest", (), None)
    assert reading.run_names() == [first.name, again.name]
    assert reading.last_run() == again
    (file,) = reading.listing(again.units[0])
    lay_file(reading, file, tmp_path / "out", lambda _: None)
    assert (tmp_path / "out" / "certificates" / "source").read_bytes() == WORDS
    assert (tmp_path / "out" / "certificates" / "source").stat().st_mode & 0o777 == 0o600


def test_an_encrypted_one_tells_nothing_and_opens_with_any_identity(tmp_path: Path, source: Path) -> None:
    folder, keys = tmp_path / "chest", tmp_path / "keys"
    mine, theirs, strange = (pyrage.x25519.Identity.generate() for _ in range(3))
    chest = make_chest(folder, [str(mine.to_public()), str(theirs.to_public())], keys)
    run = finished(chest, "20260101T000000Z", source)
    plain = make_chest(tmp_path / "plain", (), keys)
    finished(plain, "20260101T000000Z", source)
    names = {path.name for path in pieces(tmp_path / "plain")}
    for path in folder.rglob("*"):
        assert path.is_dir() or (b"nobody else" not in path.read_bytes() and b"certificates" not in path.read_bytes())
        assert path.name not in names
    for identity in (mine, theirs):
        assert open_chest(folder, [Secret(str(identity))], None).last_run() == run
    assert open_chest(folder, (), keys).last_run() == run
    with pytest.raises(BackupTrouble, match="encrypted to others"):
        open_chest(folder, [Secret(str(strange))], None)
    with pytest.raises(BackupTrouble, match="--identity"):
        open_chest(folder, (), tmp_path / "no keys")
    with pytest.raises(BackupTrouble, match="not encrypted"):
        make_chest(tmp_path / "plain", [str(mine.to_public())], keys)
    with pytest.raises(BackupTrouble, match="no age recipient"):
        make_chest(tmp_path / "new", ["age1nonsense"], keys)
    (key,) = keys.glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert pyrage.decrypt((folder / "key.age").read_bytes(), [mine]) == key.read_bytes()


@pytest.mark.parametrize("recipients", [0, 1])
def test_damage_to_any_piece_is_found(tmp_path: Path, source: Path, recipients: int) -> None:
    identities = [pyrage.x25519.Identity.generate() for _ in range(recipients)]
    chest = make_chest(tmp_path / "chest", [str(one.to_public()) for one in identities], tmp_path / "keys")
    finished(chest, "20260101T000000Z", source)
    one, other, *_ = pieces(tmp_path / "chest")
    whole = one.read_bytes()
    for damaged in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], b"", other.read_bytes()):
        one.write_bytes(damaged)
        with pytest.raises(BackupDamaged):
            chest.get(one.name)
    one.unlink()
    with pytest.raises(BackupDamaged, match="missing"):
        chest.get(one.name)


def test_a_run_that_was_interrupted_leaves_the_earlier_one(tmp_path: Path, source: Path) -> None:
    chest = make_chest(tmp_path / "chest", (), tmp_path / "keys")
    first = finished(chest, "20260101T000000Z", source)
    kept = pieces(tmp_path / "chest")
    source.write_bytes(WORDS[::-1])
    store_file(chest, source, "certificates/source", lambda _: None)
    (tmp_path / "chest" / "unfinished-abc").write_bytes(b"half")
    again = open_chest(tmp_path / "chest", (), None)
    assert again.last_run() == first
    with again.locked():
        assert again.prune(1)[0] == 0
    assert pieces(tmp_path / "chest") == kept
    assert not (tmp_path / "chest" / "unfinished-abc").exists()


def test_pruning_keeps_what_later_runs_share(tmp_path: Path, source: Path) -> None:
    chest = make_chest(tmp_path / "chest", (), tmp_path / "keys")
    other = tmp_path / "other"
    for number in range(4):
        other.write_bytes(os.urandom(1_000))
        finished(chest, f"2026010{number + 1}T000000Z", source, other)
    assert chest.prune(2) == (2, 4)
    assert chest.run_names() == ["20260103T000000Z", "20260104T000000Z"]
    for name in chest.run_names():
        for file in chest.listing(chest.run(name).units[0]):
            assert sum(map(len, chest.pieces_of(file))) == file.size_bytes
    assert chest.free_name("20260104T000000Z") == "20260104T000000Z-2"


def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    chest = make_chest(tmp_path / "chest", (), tmp_path / "keys")
    other = open_chest(tmp_path / "chest", (), None)
    with chest.locked(), pytest.raises(BackupTrouble, match="under way"), other.locked():
        raise AssertionError("both have the lock")


def test_what_is_no_backup_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(BackupTrouble, match="something else"):
        make_chest(tmp_path, (), tmp_path / "keys")
    with pytest.raises(BackupTrouble, match="no backup"):
        open_chest(tmp_path, (), None)
    (tmp_path / "pillarbox-backup.json").write_text('{"format": 99, "id": "a", "encrypted": false}')
    with pytest.raises(BackupTrouble, match="newer"):
        open_chest(tmp_path, (), None)


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, source: Path) -> None:
    chest = make_chest(tmp_path / "chest", (), tmp_path / "keys")
    for path in ("../evil", "/etc/evil", "mail/../../evil"):
        stored = store_file(chest, source, path, lambda _: None)
        with pytest.raises(BackupDamaged, match="outside"):
            lay_file(chest, stored, tmp_path / "out", lambda _: None)
