"""The machine: clock, disk, versions of what Pillarbox stands on, limits of the kernel.

Must never: judge by a number that is not written here with its reason.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from pillarbox import __version__
from pillarbox.app.settings import ServerSettings
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient

_SCRIBE: Final = Scribe(Area.MACHINE)
EARLIEST_SECONDS: Final = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""Before this there was no Pillarbox."""
FUTURE_SECONDS: Final = 300.0
"""Files that are so much younger than now were written before the clock was set back."""
_FULL_BYTES: Final = 100 * 10**6
"""Two of the largest messages; then deliveries fail."""
_LOW_BYTES: Final = 10**9
_LOW_PERCENT: Final = 5
LEAST_SQLITE: Final = (3, 51, 3)
"""Older ones can corrupt a database when its log is reset (fixed in 3.51.3)."""
LEAST_OPENSSL: Final = (3, 0)
"""1.1.1 gets no security fixes since 2023."""
FILES_BESIDE: Final = 600
"""Open files of a server without connections: 100 warm accounts of 5, and its own."""
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""


async def look(patient: Patient) -> list[Finding]:
    path = patient.folder.path
    return [
        *_clock(patient.clock.now_seconds(), path),
        *_disk(path),
        *versions(apsw.sqlite_lib_version(), ssl.OPENSSL_VERSION, ssl.OPENSSL_VERSION_INFO[:2]),
        *_files(patient.settings),
        *_backlog(patient.settings),
    ]


# --- clock ------------------------------------------------------------------------------------------


def _clock(now_seconds: float, path: Path) -> Iterator[Finding]:
    newest = max((each.stat().st_mtime for each in path.iterdir()), default=0.0) if _is_readable(path) else 0.0
    yield judge_clock(now_seconds, newest)
    if _is_synchronised() is False:
        yield _SCRIBE.note(
            "clock_sync",
            "nothing keeps the clock right, says the kernel",
            "Switch on a time service: systemctl enable --now systemd-timesyncd (or chrony).",
        )


def judge_clock(now_seconds: float, newest_seconds: float) -> Finding:
    """`newest_seconds` is when the youngest file was written, by the clock of then."""
    now = f"{datetime.fromtimestamp(now_seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    remedy = "Set it: systemctl enable --now systemd-timesyncd (or chrony), then: date -u"
    if now_seconds < EARLIEST_SECONDS:
        return _SCRIBE.failure("clock", f"the clock says {now}, which is long ago: no certificate will fit", remedy)
    if newest_seconds > now_seconds + FUTURE_SECONDS:
        return _SCRIBE.warning("clock", f"the clock says {now}, but the data folder was written later", remedy)
    return _SCRIBE.good("clock", f"the clock says {now}")


def _is_synchronised() -> bool | None:
    """What the kernel knows (adjtimex, reading only); None where it can't be asked."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


# --- disk -------------------------------------------------------------------------------------------


def _disk(path: Path) -> Iterator[Finding]:
    there = next((each for each in (path, *path.parents) if each.exists()), Path("/"))
    usage = shutil.disk_usage(there)
    yield judge_disk(usage.free, usage.total)
    numbers = os.statvfs(there)
    if numbers.f_files and numbers.f_favail * 100 < numbers.f_files * _LOW_PERCENT:
        yield _SCRIBE.warning(
            "inodes", f"only {numbers.f_favail:,} more files fit on the disk", "Delete small files: df -i shows where."
        )


def judge_disk(free_bytes: int, total_bytes: int) -> Finding:
    """Mail is refused, never lost, when the disk is full; but nobody wants that."""
    said = f"{free_bytes / 1e9:,.1f} GB of {total_bytes / 1e9:,.1f} GB are free"
    remedy = "Make room, or move the data folder: stop, copy, start with --data."
    if free_bytes < _FULL_BYTES:
        return _SCRIBE.failure("disk", f"{said}: mail can't come in", remedy)
    if free_bytes < _LOW_BYTES or free_bytes * 100 < total_bytes * _LOW_PERCENT:
        return _SCRIBE.warning("disk", said, remedy)
    return _SCRIBE.good("disk", said)


# --- versions ---------------------------------------------------------------------------------------


def versions(sqlite: str, openssl: str, openssl_numbers: tuple[int, ...]) -> Iterator[Finding]:
    """Of everything that matters; a warning for what is too old."""
    release = " ".join(openssl.split()[:2])
    yield _SCRIBE.good(
        "versions", f"Pillarbox {__version__}, Python {platform.python_version()}, SQLite {sqlite}, {release}"
    )
    if tuple(int(number) for number in sqlite.split(".")) < LEAST_SQLITE:
        yield _SCRIBE.failure(
            "sqlite", f"SQLite {sqlite} can damage databases", "Install a newer apsw: pip install --upgrade apsw"
        )
    if openssl_numbers < LEAST_OPENSSL:
        yield _SCRIBE.warning(
            "openssl", f"{release} gets no security fixes", "Use a Python that is built with OpenSSL 3."
        )


# --- limits -----------------------------------------------------------------------------------------


def _files(settings: ServerSettings) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the server takes all that it may have
    yield judge_files(hard if hard != resource.RLIM_INFINITY else 2**31, settings.net.max_connections)


def judge_files(limit: int, max_connections: int) -> Finding:
    """Each connection is one open file, in each worker."""
    needed = max_connections + FILES_BESIDE
    remedy = f"For the server: LimitNOFILE={needed} in its systemd unit, or: ulimit -Hn {needed}"
    if limit < FILES_BESIDE + 100:
        return _SCRIBE.warning("files", f"only {limit:,} open files are allowed here: too few to serve with", remedy)
    if limit < needed:
        return _SCRIBE.note(
            "files",
            f"{limit:,} open files are allowed here: room for about {limit - FILES_BESIDE:,} connections in each "
            f"worker, not for net.max_connections = {max_connections:,}",
            remedy,
        )
    return _SCRIBE.good("files", f"{limit:,} open files are allowed here")


def _backlog(settings: ServerSettings) -> Iterator[Finding]:
    try:
        most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    except (OSError, ValueError):
        return
    if most < settings.net.backlog:
        yield _SCRIBE.note(
            "backlog",
            f"the kernel keeps {most} waiting connections, net.backlog asks for {settings.net.backlog}",
            f"sysctl -w net.core.somaxconn={settings.net.backlog}",
        )


def _is_readable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.R_OK | os.X_OK)
