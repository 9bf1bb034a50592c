"""What SQLite and the file system report, in mail words."""

from __future__ import annotations

from typing import Final

import apsw

from pillarbox.mail.errors import MailError, StoreCorrupt, StoreUnavailable

DATABASE_FAILURES: Final = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.NotADBError,
)
"""Those that the world causes. Any other apsw.Error is a bug of ours and stays what it is."""


def mail_error(error: Exception) -> MailError:
    """What to raise for one of DATABASE_FAILURES or an OSError."""
    if isinstance(error, MailError):
        return error
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return StoreCorrupt("The mail can't be read back as it was written")
    if isinstance(error, apsw.FullError):
        return StoreUnavailable("The server has no room left")
    if isinstance(error, apsw.BusyError):
        return StoreUnavailable("The mail is being changed by something else; try again")
    return StoreUnavailable("The mail can't be reached now")
