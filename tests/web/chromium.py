"""Drives Debian's Chromium by the DevTools protocol over a pipe: no port, no driver, no network but loopback.

Must never: switch off certificate checks; the one key that is trusted is named by its hash.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 40.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip

Reply = dict[str, Any]  # Any: what the browser says


@dataclass
class Browser:
    """One page in one browser."""

    requests: int
    replies: int
    events: list[Reply] = field(default_factory=list)
    session: str = ""
    _sent: int = 0
    _waiting: bytes = b""

    def call(self, method: str, **parameters: Any) -> Reply:  # Any: as the protocol wants
        """A command, and its result."""
        self._sent += 1
        message: Reply = {"id": self._sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == self._sent:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]
            self.events.append(reply)

    def wait_for(self, method: str) -> Reply:
        """The first event of that name, and what is in it."""
        while not (found := [each for each in self.events if each.get("method") == method]):
            self.events.append(self._read())
        self.events.remove(found[0])
        return found[0]["params"]

    def open(self, url: str, width: int, height: int, scheme: str = "light") -> None:
        """Load a page as a device of that size shows it."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:  # whatever the script returns
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def screenshot(self) -> bytes:
        """All of the page, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def complaints(self) -> list[str]:
        """Everything that the console said: errors of scripts, refusals of the Content Security Policy."""
        return [each["params"]["entry"]["text"] for each in self.events if each.get("method") == "Log.entryAdded"] + [
            str(each["params"]) for each in self.events if each.get("method") == "Runtime.exceptionThrown"
        ]

    def asked(self) -> list[str]:
        """URLs that the page wanted."""
        return [
            each["params"]["request"]["url"]
            for each in self.events
            if each.get("method") == "Network.requestWillBeSent"
        ]

    def _read(self) -> Reply:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self.replies], [], [], max(0.0, give_up - time.monotonic()))
            assert ready, "the browser says nothing"
            data = os.read(self.replies, 65_536)
            assert data, "the browser is gone"
            self._waiting += data
        message, _, self._waiting = self._waiting.partition(b"\0")
        found: Reply = json.loads(message)
        return found


@contextmanager
def chromium(trusted_key: str) -> Iterator[Browser]:
    """A browser that trusts one more key: the Base64 of its SHA-256, as in HTTP public key pinning."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium (tests/packages.txt)"
    profile = tempfile.mkdtemp(prefix="pillarbox-chromium-")
    in_child, requests = os.pipe()
    replies, out_child = os.pipe()
    # The browser reads descriptor 3 and writes 4; a shell puts them there.
    line = f'exec "$@" 3<&{in_child} 4>&{out_child}'
    command = [program, *_FLAGS, f"--user-data-dir={profile}", f"--ignore-certificate-errors-spki-list={trusted_key}"]
    process = subprocess.Popen(
        ["bash", "-c", line, "chromium", *command, "about:blank"],
        pass_fds=(in_child, out_child),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(in_child)
    os.close(out_child)
    browser = Browser(requests, replies)
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            browser.call(f"{domain}.enable")
        yield browser
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        os.close(requests)
        os.close(replies)
        shutil.rmtree(profile, ignore_errors=True)
