"""The tables of one account's database, and how an older database becomes a current one.

Must never: change a migration that was released; add the next one. `PRAGMA user_version` counts those done.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from pillarbox.mail.errors import StoreCorrupt, StoreUnavailable

APPLICATION_ID: Final = 0x50_42_4F_58
"""'PBOX': tells a Pillarbox account from any other SQLite file."""

DATABASE_NAME: Final = "mail.db"
BLOBS_NAME: Final = "blobs"

_VERSION_1: Final = """
PRAGMA application_id = 0x50424F58;

-- One row: the account's counters. Each is the last number given.
CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    modseq INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    content INTEGER NOT NULL
);
INSERT INTO account VALUES (1, 0, 0, 0, 0);

CREATE TABLE keyword (position INTEGER PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE subscription (name TEXT PRIMARY KEY) WITHOUT ROWID;

-- The counts are those of the blocks, kept in the same transaction.
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    special_use TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL,
    highest_modseq INTEGER NOT NULL,
    first_recent_uid INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    deleted_bytes INTEGER NOT NULL
);

-- Each different set of flags once; names sorted, divided by spaces.
CREATE TABLE flagset (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);

-- The messages of a mailbox, some hundreds to a row, as little-endian columns (see rows.py).
-- key = mailbox << 32 | a UID that is not above the first of the block and above all of the block before.
CREATE TABLE block (
    key INTEGER PRIMARY KEY,
    max_modseq INTEGER NOT NULL,
    uids BLOB NOT NULL,
    flags BLOB NOT NULL,
    modseqs BLOB NOT NULL
);
CREATE INDEX block_by_modseq ON block (max_modseq);

-- The columns that never change, apart so that a flag change does not rewrite them.
CREATE TABLE block_facts (
    key INTEGER PRIMARY KEY,
    contents BLOB NOT NULL,
    sizes BLOB NOT NULL,
    date_seconds BLOB NOT NULL,
    date_zones BLOB NOT NULL,
    save_seconds BLOB NOT NULL
);

-- What was expunged when: pairs of first and last UID, 32 bits each, little-endian.
CREATE TABLE vanished (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    ranges BLOB NOT NULL,
    PRIMARY KEY (mailbox, modseq)
) WITHOUT ROWID;

-- Message bytes. header || body is the message; where body is NULL, all of it is the file blobs/<blob>.
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    header BLOB NOT NULL,
    body BLOB,
    blob TEXT,
    CHECK ((body IS NULL) <> (blob IS NULL))
);
CREATE INDEX content_by_blob ON content (blob) WHERE blob IS NOT NULL;

-- What is computed from the bytes. A missing row is computed when it is asked for.
CREATE TABLE digest (
    content INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    body BLOB NOT NULL,
    parts BLOB NOT NULL
);

-- How many messages share a content beyond the first.
CREATE TABLE extra_reference (content INTEGER PRIMARY KEY, extra INTEGER NOT NULL CHECK (extra > 0));
"""

_VERSION_2: Final = """
-- Apart from digest, so that sorting a mailbox reads nothing else. A missing row is computed when it is asked for.
CREATE TABLE sort_keys (content INTEGER PRIMARY KEY, sort_keys BLOB NOT NULL);
"""

_VERSION_3: Final = """
-- Small values of a mailbox, or of the account (mailbox 0), each room under names of its own.
CREATE TABLE property (
    mailbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (mailbox, name)
) WITHOUT ROWID;
"""

_VERSION_4: Final = """
-- Messages that left a mailbox together, some hundreds to a row, as columns (see departed.py). Those that were
-- expunged (moved = 0) hold a reference to their contents; those that were moved hold none.
CREATE TABLE departed (
    id INTEGER PRIMARY KEY,
    gone_seconds INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uids BLOB NOT NULL,
    flags BLOB NOT NULL,
    contents BLOB NOT NULL,
    sizes BLOB NOT NULL,
    date_seconds BLOB NOT NULL,
    date_zones BLOB NOT NULL,
    save_seconds BLOB NOT NULL
);
"""

_VERSION_5: Final = """
-- The header fields that lists of messages are made of. A missing row is computed when it is asked for.
CREATE TABLE common_fields (content INTEGER PRIMARY KEY, common_fields BLOB NOT NULL);
"""

_VERSION_6: Final = """
-- One row: up to which content the housekeeper has seen to the digests (see account_digester.py).
CREATE TABLE digested (one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER NOT NULL);
INSERT INTO digested SELECT 1, coalesce(max(content), 0) FROM digest;
"""

_VERSION_7: Final = """
-- What was worked out from the messages of a mailbox and holds no texts of theirs; any row may go at any time.
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (mailbox, name)
);
"""

MIGRATIONS: Final[Sequence[str]] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7)


def migrate(connection: apsw.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the database to the current version, in one transaction. Safe when several processes try.

    Raises StoreCorrupt when it is something else's database, StoreUnavailable when it is of a newer Pillarbox.
    """
    if _version(connection) == len(migrations):
        _check_ours(connection)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > 0:
            _check_ours(connection)
        if version > len(migrations):
            raise StoreUnavailable("The mail was written by a newer version of this server")
        for script in migrations[version:]:
            connection.execute(script).fetchall()
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def make_folder(folder: Path) -> None:
    """Make a folder (0700) and those above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(connection: apsw.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").get)


def _check_ours(connection: apsw.Connection) -> None:
    if connection.execute("PRAGMA application_id").get != APPLICATION_ID:
        raise StoreCorrupt("The mail database is not one of this server")
