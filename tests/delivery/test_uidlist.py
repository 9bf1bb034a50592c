"""Dovecot's list of UIDs, as it is and as it should not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.delivery.letters import Kept
from pillarbox.delivery.uidlist import read_uidlist


def written(folder: Path, text: str) -> Path:
    path = folder / "dovecot-uidlist"
    path.write_text(text)
    return path


def test_version_3_is_read(tmp_path: Path) -> None:
    found = read_uidlist(
        written(tmp_path, "3 V1275660208 N25022 G3085f01b\n25006 W2481 :1.M3P9.host,S=2355,W=2407\n25010 :2.host:2,S\n")
    )
    assert found is not None
    assert found.kept == Kept(1275660208, 25022)
    assert found.by_file == {"1.M3P9.host,S=2355,W=2407": 25006, "2.host": 25010}


def test_version_1_is_read(tmp_path: Path) -> None:
    found = read_uidlist(written(tmp_path, "1 77 9\n3 a.host\n8 b.host:2,S\n"))
    assert found is not None
    assert (found.kept, found.by_file) == (Kept(77, 9), {"a.host": 3, "b.host": 8})


@pytest.mark.parametrize(
    "text",
    [
        "", "2 V1 N2\n", "3 V0 N2\n", "3 N2\n", "3 V1 N9\n5 :a\n4 :b\n", "3 V1 N9\n5 :a\n5 :b\n",
        "3 V1 N9\n4294967295 :a\n", "nonsense",
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_not_believed(tmp_path: Path, text: str) -> None:
    assert read_uidlist(written(tmp_path, text)) is None
    assert read_uidlist(tmp_path / "absent") is None
