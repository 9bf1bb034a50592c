"""Hints between the processes of one machine: "these mailboxes changed, look again".

Each process binds a datagram socket of its own in one folder and sends to all others there. Hints may be lost,
doubled or forged without harm: a receiver only looks at what is kept. Must never: block, or raise because of
another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pillarbox.events import EventLog

_MAX_BYTES: Final = 8192
_RETRY_SECONDS: Final = 0.005
"""A receiver's queue is short (10 datagrams on many systems); what did not fit is merged and sent this much later."""
_LAST_TRIES: Final = 20
_SUFFIX: Final = ".sock"
_LONGEST_PATH: Final = 100
"""AF_UNIX addresses hold 108 bytes on Linux, 104 elsewhere."""

Receive = Callable[[str, Iterable[int]], None]


class HintBoard:
    """This process's place among the others. Made on the loop thread; `receive` is called there."""

    def __init__(self, folder: Path, receive: Receive, events: EventLog) -> None:
        self._folder = folder
        self._receive = receive
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._late: dict[str, dict[str, set[int]]] = {}
        """Peer -> account -> mailboxes that its full queue did not take yet."""
        self._retry: asyncio.TimerHandle | None = None
        self._peers: list[str] = []
        self._peers_stamp = -1
        self._folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(self._address(self._name))
        except OSError as error:  # without hints, changes of other processes arrive with the next poll
            self._events.warning("store.hints_off", error=type(error).__name__, text=str(error))
        else:
            (folder / self._name).chmod(0o600)
            self._loop.add_reader(self._socket, self._readable)

    def publish(self, account: str, mailboxes: Iterable[int]) -> None:
        """Tell all other processes that these mailboxes of an account changed."""
        touched = set(mailboxes)
        try:
            others = self._others()
        except OSError as error:  # no descriptor left, or the folder is gone: the next poll tells
            self._events.warning("store.hint_lost", error=str(error))
            return
        for peer in others:
            self._send(peer, account, touched)

    def close(self) -> None:
        """Send what is late, as far as it goes quickly, and leave."""
        if self._retry is not None:
            self._retry.cancel()
        for _ in range(_LAST_TRIES):
            self._send_late()
            if not self._late:
                break
            os.sched_yield()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        (self._folder / self._name).unlink(missing_ok=True)
        os.close(self._folder_descriptor)

    # --- within ----------------------------------------------------------------------------------

    def _address(self, name: str) -> str:
        path = str(self._folder / name)
        if len(os.fsencode(path)) > _LONGEST_PATH:
            return f"/proc/self/fd/{self._folder_descriptor}/{name}"
        return path

    def _others(self) -> list[str]:
        stamp = os.stat(self._folder_descriptor).st_mtime_ns
        if stamp != self._peers_stamp:
            names = os.listdir(self._folder)
            self._peers = [name for name in names if name.endswith(_SUFFIX) and name != self._name]
            self._peers_stamp = stamp
        return self._peers

    def _send(self, peer: str, account: str, mailboxes: set[int]) -> None:
        hint = " ".join([account, *map(str, mailboxes)]).encode("ascii")
        if len(hint) > _MAX_BYTES:
            some = set(sorted(mailboxes)[: len(mailboxes) // 2])
            for half in (some, mailboxes - some):
                self._send(peer, account, half)
            return
        try:
            self._socket.sendto(hint, self._address(peer))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                self._late.setdefault(peer, {}).setdefault(account, set()).update(mailboxes)
                self._plan_retry()
            elif error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                self._bury(peer)
            else:
                self._events.debug("store.hint_lost", error=str(error))

    def _bury(self, peer: str) -> None:
        """Its process is gone."""
        self._late.pop(peer, None)
        with contextlib.suppress(OSError):
            os.unlink(peer, dir_fd=self._folder_descriptor)

    def _plan_retry(self) -> None:
        if self._retry is None:
            self._retry = self._loop.call_later(_RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._send_late()

    def _send_late(self) -> None:
        late, self._late = self._late, {}
        for peer, accounts in late.items():
            for account, mailboxes in accounts.items():
                self._send(peer, account, mailboxes)

    def _readable(self) -> None:
        merged: dict[str, set[int]] = {}
        for _ in range(100):
            try:
                hint = self._socket.recv(_MAX_BYTES)
            except OSError:
                break
            account, _, numbers = hint.decode("ascii", "replace").partition(" ")
            merged.setdefault(account, set()).update(int(number) for number in numbers.split() if _is_number(number))
        for account, mailboxes in merged.items():
            self._receive(account, mailboxes)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
