"""Who receives webhooks in a test: checks every signature, answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from pillarbox.automation import verify_signature

SECRET = b"correct horse battery staple"
PATIENCE_SECONDS = 60.0


class Receiver:
    """`answer` gives the status for each event, or None to hang until the end of the test."""

    def __init__(self, answer: Callable[[dict[str, Any]], int | None] = lambda event: 204) -> None:
        self.got: list[dict[str, Any]] = []
        self._came = threading.Condition()
        self._end = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                verify_signature(SECRET, self.headers["Pillarbox-Timestamp"], self.headers["Pillarbox-Signature"], body)
                event = json.loads(body)
                assert (self.headers["Pillarbox-Event"], self.headers["Pillarbox-Delivery"]) == (
                    event["event"],
                    event["id"],
                )
                with receiver._came:
                    receiver.got.append(event)
                    receiver._came.notify_all()
                status = answer(event)
                if status is None:
                    receiver._end.wait(PATIENCE_SECONDS)
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()

    def until(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        with self._came:
            assert self._came.wait_for(lambda: enough(self.got), PATIENCE_SECONDS), self.got
            return list(self.got)
