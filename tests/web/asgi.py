"""Calls an ASGI application in memory, as a client would see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message

from pillarbox.clock import HeldClock
from pillarbox.events import EventLog, NoEvents
from pillarbox.web.client_settings import Site
from pillarbox.web.documents import make_app


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:  # whatever came
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one application."""

    app: ASGIApp

    async def get(self, target: str, host: str = "mail.example.org") -> Answer:
        return await self.send("GET", target, [], host)

    async def for_address(self, path: str, address: str) -> Answer:
        return await self.get(f"{path}?emailaddress={quote(address)}")

    async def post(self, target: str, *chunks: bytes) -> Answer:
        return await self.send("POST", target, list(chunks))

    async def send(self, method: str, target: str, chunks: list[bytes], host: str = "mail.example.org") -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", host.encode())],
            "client": ("192.0.2.7", 4711),
            "server": ("192.0.2.1", 443),
        }
        waiting = chunks or [b""]
        sent: list[Message] = []

        async def receive() -> Message:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        assert len(headers) == len(sent[0]["headers"]), "a header was sent twice"
        return Answer(sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:]))


def client(site: Site, events: EventLog | None = None) -> Client:
    return Client(make_app(site, lambda: None, 1_024, HeldClock(), events or NoEvents()))
