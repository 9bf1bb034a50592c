"""One HTTP POST (RFC 9112), bounded in time: connects, sends, reads the status, goes.

Must never: follow a redirect, speak without verified TLS to another machine, or take longer than it was given.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class TargetInvalid(ValueError):
    """Nothing that may be told; the text says what is expected."""


class PostFailed(Exception):
    """It was not taken. The text holds nothing of the body."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None

    @classmethod
    def read(cls, url: str, ca_path: Path | None = None) -> Target:
        """Raises TargetInvalid, OSError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise TargetInvalid(f"{url}: {error}") from error
        is_plain = parts.scheme == "http" and host in _HERE
        if not host or not (parts.scheme == "https" or is_plain) or parts.username is not None or not url.isascii():
            raise TargetInvalid(f"{url}: expected https://host/path (http:// only for this machine)")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        tls = None if is_plain else ssl.create_default_context(cafile=None if ca_path is None else str(ca_path))
        return cls(host, port or (80 if is_plain else 443), path, tls)


async def post(target: Target, headers: Sequence[tuple[str, str]], body: bytes, timeout_seconds: float) -> None:
    """Raises PostFailed unless the answer is 2xx in time."""
    import h11  # only servers with webhooks need it

    try:
        async with asyncio.timeout(timeout_seconds):
            status = await _status(target, headers, body)
    except TimeoutError as error:
        raise PostFailed(f"no answer within {timeout_seconds:g} s") from error
    except (OSError, h11.ProtocolError) as error:
        raise PostFailed(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no answer'}") from error
    if not 200 <= status < 300:
        raise PostFailed(f"it answered {status}")


async def _status(target: Target, headers: Sequence[tuple[str, str]], body: bytes) -> int:
    import h11

    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls)
    try:
        talk = h11.Connection(h11.CLIENT)
        fixed = [
            ("Host", f"[{target.host}]" if ":" in target.host else f"{target.host}:{target.port}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("User-Agent", "Pillarbox"),
            ("Connection", "close"),
        ]
        request = h11.Request(method="POST", target=target.path, headers=[*fixed, *headers])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(talk.send(event) or b"")
        await writer.drain()
        while True:
            found = talk.next_event()
            if isinstance(found, h11.Response):
                return int(found.status_code)
            if found is h11.NEED_DATA:
                talk.receive_data(await reader.read(65_536))
            elif isinstance(found, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("closed before it answered")
    finally:
        writer.transport.abort()
