"""JSON from the issuer's web server, bounded in size and time.

Must never: follow a redirect, leave HTTPS, or run on a loop's thread.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from pillarbox.clock import Clock
from pillarbox.secret import Secret

_MOST_BYTES: Final = 256 * 1024
"""A key of 4096 bits takes 1 KiB; issuers have a handful."""
_PIECE_BYTES: Final = 16 * 1024
Document = Mapping[str, object]


class IssuerUnavailable(Exception):
    """The issuer gave no answer that can be used. The text is for the operator."""


class Fetcher:
    """Blocking; threads may share it."""

    def __init__(self, ca_file: Path | None, timeout_seconds: float, clock: Clock) -> None:
        """Raises OSError, ssl.SSLError."""
        self._context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    def get(self, url: str) -> Document:
        """Raises IssuerUnavailable."""
        return self._ask("GET", url, None, {})

    def post(self, url: str, form: Mapping[str, str], user: str, password: Secret[str]) -> Document:
        """With RFC 7617. Raises IssuerUnavailable."""
        credentials = base64.b64encode(urlencode({user: password.reveal()}).replace("=", ":", 1).encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, urlencode(form).encode(), headers)

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Document:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise IssuerUnavailable(f"{url} is no https:// address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=self._timeout_seconds, context=self._context
        )
        try:
            connection.request(method, path, body, {"Accept": "application/json", **headers})
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise IssuerUnavailable(f"{url} answered {response.status}")
            document = json.loads(self._read(response, url))
        except (OSError, http.client.HTTPException) as error:
            raise IssuerUnavailable(f"{url}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise IssuerUnavailable(f"{url} gave no JSON") from error
        finally:
            connection.close()
        if not isinstance(document, dict):
            raise IssuerUnavailable(f"{url} gave no JSON object")
        return document

    def _read(self, response: http.client.HTTPResponse, url: str) -> bytes:
        """All of it, but no more and no longer than it may take."""
        end_seconds = self._clock.monotonic_seconds() + self._timeout_seconds
        data = b""
        while piece := response.read1(_PIECE_BYTES):
            data += piece
            if len(data) > _MOST_BYTES or self._clock.monotonic_seconds() > end_seconds:
                raise IssuerUnavailable(f"{url} gave too much, or too slowly")
        return data
