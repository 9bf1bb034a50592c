"""OBJECTID: what the ids of ../object_ids.py look like in FETCH (RFC 8474 section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.imap.command import Area, Capability
from pillarbox.imap.commands.fetch_batch import Batch
from pillarbox.imap.object_ids import thread_object_id
from pillarbox.imap.replies import LOGGED_IN
from pillarbox.store.contract import DigestField


def thread_column(batch: Batch) -> Sequence[bytes]:
    """FETCH THREADID"""
    headers, email_ids = batch.digests[DigestField.HEADER], batch.digests[DigestField.EMAIL_ID]
    return [thread_object_id(header, email_id) for header, email_id in zip(headers, email_ids, strict=True)]


AREA = Area(capabilities=(Capability("OBJECTID", "8474", LOGGED_IN),))
