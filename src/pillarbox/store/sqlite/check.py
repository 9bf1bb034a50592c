"""Looks whether an account's mail is as it must be: for `pillarbox check`, and for tests that pull the plug.

Must never: change anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import apsw

from pillarbox.database import open_database
from pillarbox.mail.names import INBOX
from pillarbox.store.contract import Departure
from pillarbox.store.digesting import sha256_of
from pillarbox.store.sqlite.blocks import BLOCK_ROWS, Blocks
from pillarbox.store.sqlite.departed import all_kept
from pillarbox.store.sqlite.derived import DERIVED
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.rows import Rows
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME, MIGRATIONS
from pillarbox.store.sqlite.transaction import MailboxRow


def check_account(folder: Path, busy_seconds: float) -> list[str]:
    """What is wrong, in plain words; empty when all is well. Sees one moment, also while others write."""
    if not (folder / DATABASE_NAME).exists():
        return ["there is no mail database"]
    connection = open_database(folder / DATABASE_NAME, busy_seconds)
    try:
        connection.execute("BEGIN")
        return list(_problems(connection, folder / BLOBS_NAME))
    except DATABASE_FAILURES as error:
        return [f"the database can't be read: {error}"]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.close()


def _problems(connection: apsw.Connection, blobs: Path) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"database: {line}"
    if (version := connection.execute("PRAGMA user_version").get) != len(MIGRATIONS):
        yield f"database: version {version}, not {len(MIGRATIONS)}"
        return
    if strays := list(_stray_blocks(connection)):
        yield from strays
        return
    modseq, last_uidvalidity, last_mailbox, last_content = connection.execute(
        "SELECT modseq, uidvalidity, mailbox, content FROM account"
    ).get
    references: Counter[int] = Counter()
    names: set[str] = set()
    for values in connection.execute("SELECT * FROM mailbox").fetchall():
        row = MailboxRow(*values)  # type: ignore[arg-type]  # the columns in their order
        names.add(row.name)
        for problem in _mailbox_problems(connection, row, references):
            yield f"mailbox {row.id}: {problem}"
        if row.highest_modseq > modseq or row.uidvalidity > last_uidvalidity or row.id > last_mailbox:
            yield f"mailbox {row.id}: a counter is above the account's"
    if INBOX not in names:
        yield "there is no INBOX"
    if references and max(references) > last_content:
        yield "a content id is above the account's counter"
    for mailbox, name in connection.execute(
        "SELECT mailbox, name FROM property WHERE mailbox NOT IN (SELECT id FROM mailbox UNION ALL SELECT 0)"
    ):
        yield f"property {name} is of mailbox {mailbox}, which is not there"
    yield from _departed_problems(connection, references)
    yield from _content_problems(connection, references, blobs)


def _mailbox_problems(connection: apsw.Connection, row: MailboxRow, references: Counter[int]) -> Iterator[str]:
    blocks = Blocks(connection)
    flagsets = dict(connection.execute("SELECT id, names FROM flagset"))
    last = 0
    every = Rows()
    for block in blocks.all(row.id):
        rows = blocks.rows(block)
        if not 0 < len(rows) <= BLOCK_ROWS or len({len(column) for column in rows.columns()}) != 1:
            yield f"block {block.key}: columns of lengths {[len(column) for column in rows.columns()]}"
            return
        uids = rows.uids.tolist()
        if uids != sorted(set(uids)) or uids[0] <= last or block.key & 0xFFFFFFFF > uids[0] or uids[0] < 1:
            yield f"block {block.key}: UIDs do not ascend"
        if block.key & 0xFFFFFFFF <= last:
            yield f"block {block.key}: key not above the block before"
        last = uids[-1]
        kept = connection.execute("SELECT max_modseq FROM block WHERE key = ?", (block.key,)).get
        if kept < max(rows.modseqs):
            yield f"block {block.key}: max_modseq {kept} is below {max(rows.modseqs)}"
        every.extend(rows)
    if last >= row.uidnext or row.first_recent_uid > row.uidnext:
        yield f"uidnext {row.uidnext} is not above UID {last} and first recent {row.first_recent_uid}"
    if every and max(every.modseqs) > row.highest_modseq:
        yield "a message's mod-sequence is above the mailbox's"
    if unknown := set(every.flags).difference(flagsets):
        yield f"flag sets {sorted(unknown)} are not known"
        return
    yield from _count_problems(row, every, flagsets)
    references.update(every.contents)


def _count_problems(row: MailboxRow, every: Rows, flagsets: dict[int, str]) -> Iterator[str]:
    carried = [flagsets[number].split() for number in every.flags]
    deleted = ["\\Deleted" in names for names in carried]
    counted = {
        "messages": len(every),
        "unseen": sum("\\Seen" not in names for names in carried),
        "deleted": sum(deleted),
        "size_bytes": sum(every.sizes),
        "deleted_bytes": sum(size for size, gone in zip(every.sizes, deleted, strict=True) if gone),
    }
    for name, count in counted.items():
        if getattr(row, name) != count:
            yield f"{name} is kept as {getattr(row, name)}, counted {count}"


def _departed_problems(connection: apsw.Connection, references: Counter[int]) -> Iterator[str]:
    known = {number for (number,) in connection.execute("SELECT id FROM flagset")}
    for id_, how, rows in all_kept(connection):
        if not rows or len({len(column) for column in rows.columns()}) != 1:
            yield f"departed {id_}: columns of lengths {[len(column) for column in rows.columns()]}"
        elif not known.issuperset(rows.flags):
            yield f"departed {id_}: flag sets {sorted(set(rows.flags) - known)} are not known"
        if how is Departure.EXPUNGED:
            references.update(rows.contents)


def _stray_blocks(connection: apsw.Connection) -> Iterator[str]:
    for table in ("block", "block_facts"):
        for (key,) in connection.execute(
            f"SELECT key FROM {table} WHERE key >> 32 NOT IN (SELECT id FROM mailbox)"  # noqa: S608 - constants
        ):
            yield f"{table} {key} is of no mailbox"
    for (key,) in connection.execute(
        "SELECT key FROM (SELECT key FROM block_facts UNION ALL SELECT key FROM block)"
        " GROUP BY key HAVING count(*) <> 2"
    ):
        yield f"block {key}: marks without facts or facts without marks"


def _content_problems(connection: apsw.Connection, references: Counter[int], blobs: Path) -> Iterator[str]:
    extras = dict(connection.execute("SELECT content, extra FROM extra_reference"))
    kept = {content for (content,) in connection.execute("SELECT id FROM content")}
    for content in kept ^ set(references):
        yield f"content {content}: " + ("nobody refers to it" if content in kept else "a message's bytes are missing")
    for content, count in references.items():
        if extras.pop(content, 0) != count - 1:
            yield f"content {content}: {count} messages have it, other than its count says"
    for content in extras:
        yield f"content {content}: shared, but nobody has it"
    for table in DERIVED:
        for (content,) in connection.execute(
            f"SELECT content FROM {table} WHERE content NOT IN (SELECT id FROM content)"  # noqa: S608 - constants
        ):
            yield f"{table} {content} is of no content"
    for content, size, sha256, header, body, blob in connection.execute("SELECT * FROM content"):
        path = blobs / str(blob)
        if blob is not None and not path.exists():
            yield f"content {content}: file {blob} is missing"
            continue
        data = header + body if blob is None else path.read_bytes()
        if len(data) != size or sha256_of(data) != sha256:
            yield f"content {content}: its bytes are not those that came"
