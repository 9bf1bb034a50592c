"""SQLite files that several processes open at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pillarbox.database import open_database, write_transaction


def test_any_number_may_open_a_new_database_at_the_same_moment(tmp_path: Path) -> None:
    # Without waiting, about one in thirty was told that the database is locked.
    openers = 4

    def open_and_write(path: Path, start: threading.Barrier) -> None:
        start.wait()
        connection = open_database(path, busy_seconds=60)
        connection.execute("CREATE TABLE IF NOT EXISTS told (word TEXT)")
        connection.execute("INSERT INTO told VALUES ('here')")
        connection.close()

    with ThreadPoolExecutor(openers) as pool:
        for number in range(100):
            path, start = tmp_path / f"{number}.db", threading.Barrier(openers)
            for opened in [pool.submit(open_and_write, path, start) for _ in range(openers)]:
                opened.result()
            connection = open_database(path, busy_seconds=60)
            assert connection.execute("SELECT count(*) FROM told").get == openers
            assert connection.execute("PRAGMA journal_mode").get == "wal"
            connection.close()


def test_only_its_owner_may_read_a_new_database(tmp_path: Path) -> None:
    open_database(tmp_path / "a.db", busy_seconds=1).close()
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600


def test_a_change_that_fails_is_undone_and_the_next_one_goes_on(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", busy_seconds=1)
    connection.execute("CREATE TABLE told (word TEXT)")

    def half() -> None:
        with write_transaction(connection):
            connection.execute("INSERT INTO told VALUES ('half')")
            raise KeyError("the other half")

    with pytest.raises(KeyError):
        half()
    with write_transaction(connection):
        connection.execute("INSERT INTO told VALUES ('whole')")
    assert connection.execute("SELECT word FROM told").fetchall() == [("whole",)]
    connection.close()
