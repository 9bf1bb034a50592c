"""Unix sockets to listen at: for programs of the same machine, let in by owner and group of the file.

Must never: take the file of a server that runs; let in who is neither its user nor its group.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Final

from pillarbox.net.listener import CannotListen

MAX_PATH_BYTES: Final = 107
"""unix(7): sun_path has 108 bytes with its NUL."""


def open_unix_listeners(path: Path, group: str, backlog: int, groups: int) -> list[list[socket.socket]]:
    """One listening socket at `path`, mode 0660, handed to each of `groups` workers: they share its queue.

    `group` is the group that may connect; empty: the one of this process. A file that a killed server left behind is
    replaced. Raises CannotListen.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise CannotListen(f"can't listen at {path}: the path of a socket can have {MAX_PATH_BYTES} bytes at most")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        _make_room(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        before = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        if group:
            shutil.chown(path, group=group)
        listener.listen(backlog)
        return [[listener], *([listener.dup()] for _ in range(groups - 1))]
    except LookupError as error:
        _give_up(listener, path)
        raise CannotListen(f"can't listen at {path}: there is no group {group}") from error
    except OSError as error:
        _give_up(listener, path)
        said = os.strerror(error.errno or 0)
        raise CannotListen(f"can't listen at {path} for group {group or 'of this user'}: {said}") from error
    except CannotListen:
        listener.close()
        raise


def _make_room(path: Path) -> None:
    """Remove what a server left that is gone; a server that answers stays."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        refused = probe.connect_ex(str(path))
    if refused in (0, errno.EAGAIN):
        raise CannotListen(f"can't listen at {path}: another program is there already")
    path.unlink(missing_ok=True)


def _give_up(listener: socket.socket, path: Path) -> None:
    bound = listener.getsockname() == str(path)
    listener.close()
    if bound:
        path.unlink(missing_ok=True)
