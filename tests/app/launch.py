"""A server process for tests: `python -m tests.app.launch FOLDER WORKERS HOST PORT [CERTIFICATE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from pillarbox.app.server import CannotStart, serve
from pillarbox.app.settings import LogSettings, LogStyle, ServerSettings
from pillarbox.net.settings import ListenAddress, TlsSettings


def main() -> None:
    folder, workers, host, port, *certificate = sys.argv[1:]
    settings = ServerSettings(
        data_folder=Path(folder),
        listen=(ListenAddress(host, int(port)),),
        workers=int(workers),
        tls=TlsSettings(certificate_path=Path(certificate[0]) if certificate else None),
        log=LogSettings(style=LogStyle.JSON),
    )
    try:
        serve(settings, lambda line: print(line, flush=True))
    except CannotStart as error:
        print(f"cannot start: {error}", file=sys.stderr)
        sys.exit(69)


main()
