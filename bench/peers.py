"""The servers that are measured beside each other, running, each with the same two people.

Passwords are Argon2id with the same cost on Pillarbox and Dovecot; Cyrus keeps them by SASL's own database. The second
person is for thousands of connections: on Dovecot the password is kept in clear, so that filling the house doesn't
take an hour. Must never: change what a server does by default beyond what its own documentation says for speed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # ships no types
from bench.client import Peer
from bench.cyrus import CyrusServer, CyrusUnavailable
from tests.servers.dovecot import DovecotServer, Scheme, Storage, Sync
from tests.servers.pillarbox_server import PillarboxServer

LOGIN: Final = ("ann@example.org", "correct horse battery")
CROWD: Final = ("crowd@example.org", "staple of many")
SERVERS: Final = "pillarbox,dovecot,synced,maildir,cyrus"
"""`synced` is Dovecot with mdbox that syncs changed flags too, as Pillarbox does."""


def start(stack: ExitStack, names: Sequence[str], config: Path | None, workers: int | None = None) -> dict[str, Peer]:
    """The servers that are named, as far as they can run here; says on stderr which can't, and why."""
    servers: dict[str, Peer] = {}
    if "pillarbox" in names:
        servers["Pillarbox"] = stack.enter_context(PillarboxServer(config=config, workers=workers))
    for name, label, storage, sync in (
        ("dovecot", "Dovecot", Storage.MDBOX, Sync.OPTIMIZED),
        ("synced", "Dovecot synced", Storage.MDBOX, Sync.ALWAYS),
        ("maildir", "Dovecot Maildir", Storage.MAILDIR, Sync.OPTIMIZED),
    ):
        if name in names:
            dovecot = stack.enter_context(DovecotServer(scheme=Scheme.ARGON2ID, storage=storage, sync=sync))
            dovecot.add_account_in_clear(*CROWD)
            servers[label] = dovecot
    if "cyrus" in names:
        try:
            servers["Cyrus"] = stack.enter_context(CyrusServer())
        except CyrusUnavailable as reason:
            print(f"without Cyrus: {reason}", file=sys.stderr)
    for label, server in servers.items():
        server.add_account(*LOGIN)
        if not label.startswith("Dovecot"):
            server.add_account(*CROWD)
    return servers


def processes(process_id: int) -> list[psutil.Process]:
    """A server's first process and all below it."""
    master = psutil.Process(process_id)
    return [master, *master.children(recursive=True)]


def cpu_seconds(process_id: int) -> float:
    """CPU time that a server has taken so far, with that of its processes which have ended."""
    spent = 0.0
    for process in processes(process_id):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def pss_kib(process_id: int) -> float:
    """Proportional set size of a server's processes."""
    total = 0.0
    for process in processes(process_id):
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total
