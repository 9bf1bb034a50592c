"""Tells what kind of mail a path holds.

Must never: guess silently; what is not recognised is refused with what was looked for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from pillarbox.delivery.eml import EmlFolder, eml_folders
from pillarbox.delivery.letters import Folders
from pillarbox.delivery.maildir import is_maildir, maildir_folders
from pillarbox.delivery.manifest import MANIFEST_NAME, ManifestInvalid, read_manifest
from pillarbox.delivery.mbox import MboxFolder, is_mbox, mbox_folders


class SourceKind(enum.Enum):
    MBOX = "mbox"
    MAILDIR = "Maildir"
    EML = ".eml"
    MANIFEST = "export with a manifest"


class SourceUnknown(Exception):
    """Not mail that can be imported; the text says what was looked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """Mail that was found."""

    kind: SourceKind
    folders: Folders
    subscriptions: tuple[str, ...] = ()
    """Names that are subscribed there, besides those of folders."""


def find_source(path: Path, max_message_bytes: int) -> Source:
    """What is at a path. Raises SourceUnknown; OSError when it can't be read."""
    if path.is_dir():
        return _in_folder(path, max_message_bytes)
    if path.suffix.lower() == ".eml":
        path.stat()
        return Source(SourceKind.EML, [EmlFolder([path], "", max_message_bytes)])
    if is_mbox(path):
        return Source(SourceKind.MBOX, [MboxFolder(path, "", max_message_bytes)])
    raise SourceUnknown(
        f"{path} is not mail: an mbox file begins with a line such as From alice Sat Jan  3 01:05:34 1996"
    )


def _in_folder(path: Path, max_message_bytes: int) -> Source:
    if (path / MANIFEST_NAME).is_file():
        try:
            manifest = read_manifest(path)
        except ManifestInvalid as error:
            raise SourceUnknown(f"{path / MANIFEST_NAME}: {error}; nothing was imported") from error
        return Source(SourceKind.MANIFEST, manifest.folders, manifest.subscriptions)
    if is_maildir(path):
        return Source(SourceKind.MAILDIR, maildir_folders(path, max_message_bytes))
    if folders := eml_folders(path, max_message_bytes):
        return Source(SourceKind.EML, folders)
    if folders := maildir_folders(path, max_message_bytes):
        return Source(SourceKind.MAILDIR, folders)
    if folders := mbox_folders(path, max_message_bytes):
        return Source(SourceKind.MBOX, folders)
    raise SourceUnknown(
        f'{path} holds no mail: no Maildir (folders "cur" and "new") and no files ending in ".eml" or ".mbox"'
    )
