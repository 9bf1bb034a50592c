"""The process of a server that gets certificates: one round, then it ends.

    python -I -m pillarbox.acme.child < JOB

JOB is a JSON object (acme/process.py). What happens goes to stdout, one event a line. What speaks ACME takes 11 MB
and blocks; so no worker loads it, and a server that stops ends it with SIGTERM.

Must never: outlive its server by more than cleaning up takes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from pydantic import TypeAdapter

from pillarbox.acme.folder import AcmeFolder, Busy
from pillarbox.acme.issuing import Office
from pillarbox.acme.names import all_wanted
from pillarbox.acme.process import Job
from pillarbox.acme.renewing import states
from pillarbox.acme.rounds import When, go_round
from pillarbox.clock import SystemClock
from pillarbox.events import Field


class _LineEvents:
    """Writes events for the server to log."""

    def debug(self, event: str, **fields: Field) -> None:
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Field) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Field) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Field) -> None:
        self._write("error", event, fields)

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self._write("error", event, {**fields, "error": repr(error)})

    def _write(self, level: str, event: str, fields: dict[str, Field]) -> None:
        sys.stdout.write(json.dumps({"level": level, "event": event, "fields": fields}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """One round."""
    signal.signal(signal.SIGTERM, _leave)
    job = TypeAdapter(Job).validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_watch_server, daemon=True).start()
    folder, events = AcmeFolder(Path(job.certificates_path)), _LineEvents()
    sockets = [socket.socket(fileno=each) for each in job.descriptors]
    office = Office(job.settings, folder, SystemClock(), events, sockets)
    wanted = [each.wanted for each in states(folder, all_wanted(job.settings.domains, job.settings.challenge))]
    try:
        with folder.locked():
            go_round(office, wanted, When.DUE)
    except Busy:
        events.debug("certificate.others_ask")
    except OSError as error:
        events.error("certificate.not_issued", error=f"{error.filename or 'certificates'}: {error.strerror}")


def _leave(*_: object) -> None:
    """Through every `finally`: answers and records are taken away again."""
    raise SystemExit(0)


def _watch_server() -> None:
    """The server holds the other end of stdin open for as long as it lives."""
    os.read(sys.stdin.fileno(), 1)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


if __name__ == "__main__":
    main()
