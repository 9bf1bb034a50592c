"""The project's own files keep their promises."""

from __future__ import annotations

import re
import subprocess
import tomllib
from email import message_from_bytes
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SAMPLES = sorted((TOP / "samples").rglob("*.eml"))


def tracked_texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
    paths = [TOP / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file() and "samples" not in path.parts]


def requirement_names(lines: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return {match[0].lower().replace("_", "-").replace(".", "-") for match in found if match}


def test_every_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    wanted = requirement_names(project["dependencies"] + project["optional-dependencies"]["test"])
    pins = (TOP / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    assert wanted <= requirement_names(pins)


def test_no_file_names_a_registry_or_a_machine() -> None:
    # Spelled apart, so that this file is not one of those it looks for.
    hosts = ("pypi" + ".org", "python" + "hosted", "registry.npm" + "js", "file" + ":///", "/root" + "/", "/home" + "/")
    guilty = [
        f"{path.relative_to(TOP)}: {host}"
        for path in tracked_texts()
        for host in hosts
        if host in path.read_text("utf-8", "replace")
    ]
    assert guilty == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in (TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(TOP)}: {target}")
    assert broken == []


def test_the_readme_fits_one_screen() -> None:
    lines = (TOP / "README.md").read_text().splitlines()
    assert len(lines) <= 50
    assert max(len(line) for line in lines) <= 120


def test_ci_runs_what_people_run() -> None:
    assert "make test" in (TOP / ".ci" / "run").read_text()
    assert (TOP / ".ci" / "run").stat().st_mode & 0o111


def test_there_are_samples_of_every_kind() -> None:
    whole = b"\n".join(path.read_bytes() for path in SAMPLES).lower()
    kinds = (
        b"multipart/alternative", b"multipart/related", b"multipart/signed", b"multipart/report", b"multipart/digest",
        b"message/rfc822", b"message/delivery-status", b"text/calendar", b"format=flowed", b"filename*0*=", b"list-id:",
        b"references:", b"iso-2022-jp", b"gb18030", b"koi8-r", b"iso-8859-7", b"image/png", b"application/pdf",
    )  # fmt: skip
    assert [kind for kind in kinds if kind not in whole] == []
    assert len(SAMPLES) >= 40
    assert sum(path.stat().st_size for path in SAMPLES) < 600_000


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_mail_with_crlf(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 0
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    message = message_from_bytes(data)
    assert message["From"]
    assert message["Date"]


def test_the_signed_sample_verifies() -> None:
    signed = TOP / "samples" / "19-signed-smime.eml"
    done = subprocess.run(
        ["openssl", "smime", "-verify", "-noverify", "-in", str(signed)], capture_output=True, check=False
    )
    assert b"Verification successful" in done.stderr
