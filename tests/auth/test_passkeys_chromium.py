"""Chromium registers a passkey and proves it: the JSON that is asked with, and what a browser makes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factors import Factor, Verdict
from pillarbox.auth.passkeys import Passkeys
from pillarbox.auth.settings import MultiFactorSettings
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.store.contract import AccountId
from tests.web.chromium import Browser, chromium

ALICE = AccountId("a" * 32)
CREATE = """(async () => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(%s);
  return JSON.stringify((await navigator.credentials.create({publicKey})).toJSON());
})()"""
GET = """(async () => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(%s);
  return JSON.stringify((await navigator.credentials.get({publicKey})).toJSON());
})()"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Console</title>")

    def log_message(self, format: str, *_: object) -> None:
        pass


@contextmanager
def pages() -> Iterator[int]:
    """A port of localhost, where browsers let a page without TLS use passkeys."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """With an authenticator that is touched at once."""
    with chromium("") as browser:
        browser.call("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        browser.call("WebAuthn.addVirtualAuthenticator", options=options)
        yield browser


def test_chromium_registers_a_passkey_and_opens_with_it_once_an_answer(browser: Browser, tmp_path: Path) -> None:
    directory = AccountDirectory.open(tmp_path / "accounts.db", SystemClock())
    with pages() as port:
        here = f"http://localhost:{port}"
        settings = MultiFactorSettings(passkey_origins=(here,))
        passkeys = Passkeys(directory, SystemClock(), settings, NoEvents())
        browser.open(here + "/", 800, 600)
        made = passkeys.register(ALICE, browser.evaluate(CREATE % passkeys.ask_to_register(ALICE, "alice")), "laptop")
        assert isinstance(made, Factor)
        for _ in range(2):
            answer = browser.evaluate(GET % passkeys.ask_to_assert(ALICE))
            assert [passkeys.verify(ALICE, answer) for _ in range(2)] == [Verdict.RIGHT, Verdict.EXPIRED]
        elsewhere = Passkeys(
            directory, SystemClock(), MultiFactorSettings(passkey_origins=("http://localhost:1",)), NoEvents()
        )
        assert elsewhere.verify(ALICE, browser.evaluate(GET % passkeys.ask_to_assert(ALICE))) is Verdict.WRONG
        excluded = json.loads(passkeys.ask_to_register(ALICE, "alice"))["excludeCredentials"]
        assert len(excluded) == 1
    directory.close()
