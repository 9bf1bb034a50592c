"""The log of a running server: operational events for the operator's eyes, what concerns safety into the audit log too.

Must never: let one wait for the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pillarbox.app.folder import DataFolder
from pillarbox.app.log import StructuredLog
from pillarbox.audit.recorder import AuditedLog, AuditRecorder
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.trail import AuditTrail
from pillarbox.clock import Clock
from pillarbox.events import Field

SERVER: Final = "server"
"""Who acts, in the audit log, when it was nobody at a command line."""


class ServerLog(AuditedLog):
    """The EventLog of one process of the server."""

    def __init__(self, log: StructuredLog, folder: DataFolder, settings: AuditSettings, clock: Clock) -> None:
        self._log = log
        self._recorder = AuditRecorder(AuditTrail(folder.audit_path, settings), settings, SERVER, clock, log)
        super().__init__(log, self._recorder.record)

    def tag(self, **fields: Field) -> None:
        """Add fields to every operational event from now on, such as the number of the worker."""
        self._log.tag(**fields)

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """A thread writes the audit log meanwhile; all of it is on disk at the end. Enter it after the last fork."""
        self._recorder.start()
        try:
            yield
        finally:
            self._recorder.close()
