"""Tells the service manager how it stands (sd_notify(3)): ready, reloading, stopping, still alive.

Must never: fail; where nobody listens nothing is said.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Self

from pillarbox.clock import Clock


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Who started the server, when that is systemd or something like it."""

    address: str | None
    """A Unix datagram socket; None is nobody."""
    beat_seconds: float | None
    """How often it wants to hear that the server is alive; None is never."""
    clock: Clock

    @classmethod
    def of_this_process(cls, clock: Clock) -> Self:
        """By NOTIFY_SOCKET and WATCHDOG_USEC, which no program that is started later sees."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        usual = os.environ.pop("WATCHDOG_USEC", "")
        for_us = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        beat = int(usual) / 1_000_000 / 3 if for_us and usual.isdecimal() and int(usual) else None
        return cls("\0" + address[1:] if address.startswith("@") else address or None, beat, clock)

    def ready(self, status: str) -> None:
        """It serves; after a reload too. `status` is shown by `systemctl status`."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={int(self.clock.monotonic_seconds() * 1_000_000)}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if self.address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.setblocking(False)
            teller.sendto(text.encode(), self.address)
