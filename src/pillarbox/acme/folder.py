"""Where certificates, accounts and what is remembered of renewals are kept, below the server's `certificates`:

    domains/NAME             a link to the newest of issued/NAME; what is served
    issued/NAME/MOMENT/      certificate.pem (with its chain) and key.pem: written whole before the link turns
    acme/accounts/           one folder for each authority
    acme/renewals/           what the last try said, and when the next is
    acme/challenges/         what is answered with while an authority looks (net/challenges.py)

Must never: let a reader of domains/NAME find a key beside another's certificate; let others read a key, not even for a
moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pillarbox.net.challenges import ChallengeFolder

if TYPE_CHECKING:
    from cryptography import x509  # 8 MB that a server without such certificates does not need

CERTIFICATE: Final = "certificate.pem"
KEY: Final = "key.pem"
_KEPT: Final = 3
"""Pairs of each name, the one that is served among them: to look at, and to go back to by hand."""
_TRIES_PER_SECOND: Final = 10


class Busy(Exception):
    """Another process asks for certificates just now."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that is served."""

    name: str
    """Of its folder."""
    chain_pem: bytes
    certificate: x509.Certificate
    names: tuple[str, ...]
    """All that it holds for."""

    @property
    def from_seconds(self) -> float:
        return self.certificate.not_valid_before_utc.timestamp()

    @property
    def until_seconds(self) -> float:
        return self.certificate.not_valid_after_utc.timestamp()


class AcmeFolder:
    """One server's certificates."""

    def __init__(self, certificates_path: Path) -> None:
        self._top = certificates_path
        self._domains = certificates_path / "domains"
        self._issued = certificates_path / "issued"
        self.accounts_path = certificates_path / "acme" / "accounts"
        self.renewals_path = certificates_path / "acme" / "renewals"
        self.challenges = ChallengeFolder(certificates_path)

    @contextlib.contextmanager
    def locked(self, patience_seconds: int = 0) -> Iterator[None]:
        """One process at a time; the kernel lets go when it dies. Raises Busy after so long, OSError."""
        make_private(self._top / "acme")
        descriptor = os.open(self._top / "acme" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, patience_seconds)
            yield
        finally:
            os.close(descriptor)

    def all(self) -> list[Issued]:
        """Every certificate that came by ACME, by name. What can't be read is left out."""
        try:
            names = sorted(each.name for each in self._issued.iterdir() if each.is_dir())
        except FileNotFoundError:
            return []
        found = (self.find(name) for name in names)
        return [each for each in found if each is not None]

    def find(self, name: str) -> Issued | None:
        """The newest certificate in the folder of that name; None when there is none that can be read."""
        from cryptography import x509

        versions = self._versions(name)
        try:
            pem = (versions[-1] / CERTIFICATE).read_bytes() if versions else b""
            certificate = x509.load_pem_x509_certificate(pem)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, x509.ExtensionNotFound):
            return None
        return Issued(name, pem, certificate, tuple(names.get_values_for_type(x509.DNSName)))

    def key_pem(self, name: str) -> bytes:
        """The key of the newest certificate. Raises OSError."""
        return (self._versions(name)[-1] / KEY).read_bytes()

    def install(self, name: str, chain_pem: bytes, key_pem: bytes, now_seconds: float) -> None:
        """Serve a pair from now on: whole in its own folder and on disk, then the link turns. Raises OSError."""
        home = self._issued / name
        make_private(home)
        making = Path(tempfile.mkdtemp(dir=home, prefix=".making-"))  # 0700
        try:
            write_private(making / CERTIFICATE, chain_pem)
            write_private(making / KEY, key_pem)
            version = _free(home, now_seconds)
            making.rename(version)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        sync_folder(home)
        self._turn(name, version)
        for old in self._versions(name)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Serve it no longer, and keep nothing of it. Raises OSError."""
        (self._domains / name).unlink(missing_ok=True)
        shutil.rmtree(self._issued / name, ignore_errors=True)
        (self.renewals_path / f"{name}.json").unlink(missing_ok=True)

    def mend(self) -> None:
        """Make links that are missing, as after a restore: a backup has no links. Raises OSError."""
        for each in self.all():
            if not (self._domains / each.name).exists():
                self._turn(each.name, self._versions(each.name)[-1])

    def _versions(self, name: str) -> list[Path]:
        """Whole pairs, the oldest first."""
        try:
            return sorted(each for each in (self._issued / name).iterdir() if not each.name.startswith("."))
        except FileNotFoundError:
            return []

    def _turn(self, name: str, version: Path) -> None:
        make_private(self._domains)
        link = self._domains / name
        turning = self._domains / f".{name}.{os.getpid()}"
        turning.unlink(missing_ok=True)
        turning.symlink_to(Path("..") / self._issued.name / name / version.name)
        turning.rename(link)
        sync_folder(self._domains)


def _lock(descriptor: int, patience_seconds: int) -> None:
    for _ in range(patience_seconds * _TRIES_PER_SECOND):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(1 / _TRIES_PER_SECOND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy("the server, or another command, asks for certificates just now; try again later") from error


def make_private(folder: Path) -> None:
    """A folder for its owner only, with those above that are missing. Raises OSError."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """All of it or nothing, on disk when it returns, never readable for others. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Its names are on disk when it returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(home: Path, now_seconds: float) -> Path:
    """A name that sorts behind all that are there, also when the clock was set back."""
    latest = max((each.name for each in home.iterdir() if not each.name.startswith(".")), default="")
    seconds = now_seconds
    while (name := time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))) <= latest:
        seconds += 1 if name[:8] >= latest[:8] else 86_400
    return home / name
