"""A toy protocol to drive the connection layer with: lines in, lines out, and a few ways to misbehave."""

from __future__ import annotations

import asyncio

from pillarbox.conversation import Outlet, Peer, Phase

MAX_WAITING = 64


class EchoConversation:
    """`login`, `big N`, `bytes N`, `take N`, `hold`, `bug`, `bug in receive`, `quit`; any other line comes back."""

    def __init__(self) -> None:
        self.phase = Phase.LOGIN
        self.received_bytes = 0
        self.drained_bytes = 0
        self.ended_by = ""
        self.saw_eof = False
        self.keep_alives = 0
        self.peer: Peer | None = None
        self.held = asyncio.Event()
        self.release = asyncio.Event()
        self.woken = asyncio.Event()
        self.finished = asyncio.Event()
        self.failure: BaseException | None = None
        self._lines: list[bytes] = []
        self._rest = b""
        self._taking = 0
        self._outlet: Outlet | None = None

    @property
    def wants_input(self) -> bool:
        return len(self._lines) < MAX_WAITING

    def receive(self, data: memoryview) -> None:
        self.received_bytes += len(data)
        if self._taking:
            taken = min(self._taking, len(data))
            self._taking -= taken
            data = data[taken:]
            if not self._taking:
                self._lines.append(b"taken")
        *lines, self._rest = (self._rest + data).split(b"\n")
        if b"bug in receive" in lines:
            raise RuntimeError("a bug in receive")
        self._lines += lines
        if lines and lines[-1].startswith(b"take "):
            self._taking = int(lines[-1][5:])
        self.woken.set()

    def receive_eof(self) -> None:
        self.saw_eof = True
        self.woken.set()

    def keep_alive(self) -> None:
        self.keep_alives += 1
        assert self._outlet is not None
        self._outlet.write(b"still here\n")

    def reassure(self) -> None:
        pass

    def end(self, reason: str) -> None:
        self.ended_by = reason
        self.woken.set()

    async def run(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.peer = outlet.peer
        try:
            outlet.write(b"hello\n")
            await outlet.drain()
            await self._serve(outlet)
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.finished.set()

    async def _serve(self, outlet: Outlet) -> None:
        while True:
            while self._lines and self.phase is not Phase.OVER:
                await self._answer(self._lines.pop(0), outlet)
                await outlet.drain()
            if self.phase is Phase.OVER:
                return
            if self.ended_by or self.saw_eof:
                outlet.write(b"bye " + self.ended_by.encode() + b"\n")
                await outlet.drain()
                return
            self.woken.clear()
            if not self._lines:
                await self.woken.wait()

    async def _answer(self, line: bytes, outlet: Outlet) -> None:
        word, _, argument = line.partition(b" ")
        if word == b"big":
            await self._stream(int(argument), outlet)
        elif word == b"bytes":
            for index in range(int(argument)):
                outlet.write(bytes([97 + index % 26]))
        elif word == b"login":
            self.phase = Phase.OPEN
            outlet.write(b"welcome\n")
        elif word == b"hold":
            self.held.set()
            await self.release.wait()
            outlet.write(b"held\n")
        elif word == b"bug":
            raise RuntimeError("a bug in run")
        elif word == b"quit":
            self.phase = Phase.OVER
            outlet.write(b"bye\n")
        elif word != b"take":
            outlet.write(line + b"\n")

    async def _stream(self, size: int, outlet: Outlet) -> None:
        piece = bytes(range(256)) * 256
        while size:
            sent = piece[:size]
            outlet.write(memoryview(sent))
            await outlet.drain()
            self.drained_bytes += len(sent)
            size -= len(sent)
