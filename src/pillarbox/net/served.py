"""The certificates that are served, by name; what is replaced on disk is shown to the next client.

Where they come from: one for everybody, those that the settings name, and every folder of `DIR/certificates/domains`.
All doors of a process share this object, and each has a TLS context of its own for each certificate. `look` finds
out by a few calls of stat whether files have changed, and is called every second or so; no watching by the kernel
is needed, which network file systems and containers' mounts don't have.

Must never: give up a certificate that works for files that don't (half written, of different pairs, gone for a
moment); show one door's client another door's context.

RFC 6066 section 3 (server_name), RFC 9525 section 6.3 (names and wildcards).
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from pillarbox.events import EventLog, NoEvents
from pillarbox.net.binding import Exporter
from pillarbox.net.challenges import ChallengeFolder
from pillarbox.net.leaf import Leaf, read_leaf
from pillarbox.net.tls import CertificateFiles, CertificateUnusable, Door, Profile, make_context

T = TypeVar("T")
_Signature = tuple[tuple[int, int, int] | None, ...]
"""Of each file: inode, size and time of change; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """A certificate for some names besides those in it."""

    files: CertificateFiles
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be served."""

    default: CertificateFiles
    """For every name that no other is for."""
    named: tuple[NamedCertificate, ...] = ()
    folder: Path | None = None
    """Each folder NAME in it with certificate.pem and key.pem is one more."""
    main_name: str = ""
    """When there is a certificate for this name, it takes the place of the default."""
    profile: Profile = Profile.INTERMEDIATE


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate as it was read: for those who judge it."""

    files: CertificateFiles
    leaf: Leaf
    names: tuple[str, ...]
    """In small letters; a wildcard as `*.example.org`."""

    def days_left(self, now_seconds: float) -> int:
        """Whole days; negative when it has expired."""
        return (self.leaf.ends - datetime.fromtimestamp(now_seconds, UTC)).days


@dataclass(slots=True, eq=False)
class _Shown:
    """What is shown from one pair of files."""

    signature: _Signature
    """Of the files when they were looked at last, usable or not."""
    held: Held | None = None
    contexts: dict[Door, ssl.SSLContext] = field(default_factory=dict)
    is_missed: bool = False
    """Its folder was not there at the last look."""


class NameTable(Generic[T]):
    """What is there for a host name. The first to take a name has it."""

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._wildcards: dict[str, T] = {}
        """By what follows the `*.`"""

    def add(self, names: Sequence[str], value: T) -> None:
        for name in names:
            if name.startswith("*."):
                self._wildcards.setdefault(name[2:].lower(), value)
            else:
                self._exact.setdefault(name.lower(), value)

    def find(self, name: str) -> T | None:
        """A whole name before a wildcard, which is for one label (RFC 9525 section 6.3). Nothing for no name."""
        return self._exact.get(name) or self._wildcards.get(name.partition(".")[2])


class ServedCertificates:
    """All of them. Belongs to one thread; make it before worker processes are forked: then these share the keys of
    session tickets until a certificate changes."""

    def __init__(
        self,
        plan: Plan,
        doors: Sequence[Door],
        events: EventLog,
        try_exporter: Callable[[ssl.SSLContext], Exporter | None] = lambda _: None,
    ) -> None:
        """Reads everything. Raises CertificateUnusable for what the settings name; folders are another's work, and
        what is wrong there is logged. `try_exporter` finds out whether there are channel bindings of type
        tls-exporter."""
        self._plan = plan
        self._doors = tuple(doors)
        self._events = events
        self.challenges = None if plan.folder is None else ChallengeFolder(plan.folder.parent)
        self._shown: dict[CertificateFiles, _Shown] = {}
        self._names: NameTable[_Shown] = NameTable()
        for named in (*plan.named, NamedCertificate(plan.default)):
            self._shown[named.files] = self._read(named, self._signature(named.files))
        self._order()
        self.exporter = try_exporter(self.context(self._doors[0], "")) if self._doors else None
        """For channel bindings."""
        self.look()

    def tls(self, door: Door) -> ServerTls:
        """TLS of one of the doors."""
        return ServerTls(self, door)

    def look(self) -> list[CertificateUnusable]:
        """Read again what has changed on disk. What can't be used is logged, once for each change, and returned."""
        unusable: list[CertificateUnusable] = []
        named_now = planned(self._plan)
        before = dict(self._shown)
        for named in named_now:
            signature, shown = self._signature(named.files), self._shown.get(named.files)
            if shown is not None and shown.signature == signature:
                shown.is_missed = False
                continue
            try:
                self._replace(named, signature)
            except CertificateUnusable as error:
                unusable.append(error)
        for files in self._shown.keys() - {named.files for named in named_now}:
            if self._shown[files].is_missed:  # twice: a folder that is replaced is away for a moment
                del self._shown[files]
                self._events.info("certificate.removed", path=str(files.certificate_path))
            else:
                self._shown[files].is_missed = True
        if self._shown != before:
            self._order()
        return unusable

    def look_again(self) -> list[CertificateUnusable]:
        """Read everything again, changed or not; returns what can't be used."""
        for shown in self._shown.values():
            shown.signature = ()
        return self.look()

    def held(self) -> list[Held]:
        """Every certificate that is shown to somebody."""
        return [shown.held for shown in self._shown.values() if shown.held is not None]

    def held_for(self, name: str) -> Held | None:
        """What a client that asks for `name` is shown."""
        return self._find(name).held

    def context(self, door: Door, name: str) -> ssl.SSLContext:
        """For a client that asks for `name`, empty when it asks for none."""
        return self._find(name).contexts[door]

    # --- inside -----------------------------------------------------------------------------------

    def _find(self, name: str) -> _Shown:
        return self._names.find(name) or self._names.find(self._plan.main_name) or self._shown[self._plan.default]

    def _signature(self, files: CertificateFiles) -> _Signature:
        paths = [files.certificate_path, files.key_path]
        paths += [door.clients.path for door in self._doors if door.clients is not None]
        return tuple(_stamp(path) for path in paths)

    def _replace(self, named: NamedCertificate, signature: _Signature) -> None:
        """Show what the files hold now. Raises CertificateUnusable, once it is logged."""
        shown = self._shown.get(named.files)
        try:
            fresh = self._read(named, signature)
        except CertificateUnusable as error:
            is_served = shown is not None and shown.held is not None
            then = "the one before is served on" if is_served else "not served"
            self._events.error(
                "certificate.unusable", path=str(named.files.certificate_path), error=str(error), then=then
            )
            self._shown[named.files] = replace(shown or _Shown(()), signature=signature, is_missed=False)
            raise
        self._shown[named.files] = fresh
        before = None if shown is None else shown.held
        if fresh.held is not None and fresh.held != before:
            self._events.info(
                "certificate.added" if before is None else "certificate.replaced",
                path=str(named.files.certificate_path),
                names=" ".join(fresh.held.names),
                ends=fresh.held.leaf.ends.isoformat(timespec="seconds"),
            )

    def _read(self, named: NamedCertificate, signature: _Signature) -> _Shown:
        """Every door's context, or none. Raises CertificateUnusable."""
        contexts = {door: make_context(named.files, door, self._plan.profile) for door in self._doors}
        return _Shown(signature, read_held(named), contexts)

    def _order(self) -> None:
        usable = [(named, self._shown[named.files]) for named in planned(self._plan) if named.files in self._shown]
        self._names = _table([(named, shown.held, shown) for named, shown in usable if shown.held is not None])


class ServerTls:
    """TLS of one door: a context for every name, with the certificates as they are now."""

    __slots__ = ("_door", "_served")

    def __init__(self, served: ServedCertificates, door: Door) -> None:
        self._served = served
        self._door = door

    @property
    def protocol(self) -> str:
        """The ALPN identifier; empty for a door that has none."""
        return self._door.protocol

    def context_for(self, server_name: str) -> ssl.SSLContext:
        """For a client that asks for that name (SNI), empty when it asks for none."""
        return self._served.context(self._door, server_name)

    @property
    def exporter(self) -> Exporter | None:
        """For channel bindings."""
        return self._served.exporter

    def held_for(self, server_name: str) -> Held | None:
        """The certificate that such a client is shown."""
        return self._served.held_for(server_name)

    @property
    def challenges(self) -> ChallengeFolder | None:
        """What authorities are answered with that look whether a name is this server's (TLS-ALPN-01)."""
        return self._served.challenges


def serve_one(files: CertificateFiles, door: Door = Door()) -> ServerTls:  # noqa: B008 - frozen
    """TLS of the only door, with the same certificate for every name. Raises CertificateUnusable."""
    return ServedCertificates(Plan(files), (door,), NoEvents()).tls(door)


def read_held(named: NamedCertificate) -> Held:
    """A certificate without its key. Raises CertificateUnusable."""
    path = named.files.certificate_path
    try:
        leaf = read_leaf(path.read_bytes())
    except OSError as error:
        raise CertificateUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateUnusable(f"{path}: not a PEM certificate") from error
    names = (each.lower() for each in leaf.names)
    return Held(named.files, leaf, tuple(dict.fromkeys((*named.names, *names))))


def files_for(plan: Plan, name: str) -> CertificateFiles:
    """Where that is which a server with this plan shows to a client that asks for `name` (empty: for none)."""
    rows = []
    for named in planned(plan):
        with contextlib.suppress(CertificateUnusable):
            rows.append((named, read_held(named), named.files))
    table = _table(rows)
    return table.find(name) or table.find(plan.main_name) or plan.default


def planned(plan: Plan) -> list[NamedCertificate]:
    """What a server with this plan serves as far as files are there; the default comes last."""
    return [*plan.named, *_folders(plan.folder), NamedCertificate(plan.default)]


def _table(rows: Sequence[tuple[NamedCertificate, Held, T]]) -> NameTable[T]:
    """Names that are given to a certificate (settings, then folders' own) before the names in certificates."""
    table: NameTable[T] = NameTable()
    for named, _, value in rows:
        table.add(named.names, value)
    for _, held, value in rows:
        table.add(held.names, value)
    return table


def _folders(folder: Path | None) -> Iterator[NamedCertificate]:
    """Those that hold files, in the order of their names; hidden ones are somebody's who has not finished."""
    if folder is None:
        return
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return  # there need not be any
    for name in names:
        certificate, key = folder / name / "certificate.pem", folder / name / "key.pem"
        if certificate.exists() or key.exists():
            yield NamedCertificate(CertificateFiles(certificate, key), (name.lower(),))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
