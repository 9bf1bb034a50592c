"""An issuer of tokens: keys, tokens, and the documents that describe it; over HTTPS when it is asked to be."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trustme
from joserfc import jwk, jwt

from pillarbox.auth.oauth.fetching import Document, IssuerUnavailable
from pillarbox.secret import Secret

AUDIENCE = "imap"


class TokenIssuer:
    """auth.oauth.Fetcher's other end."""

    def __init__(self, url: str = "https://login.example.org") -> None:
        self.url = url
        self.key = jwk.ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.published = [self.key]
        self.active: dict[str, Document] = {}
        """What introspection says of a token."""
        self.asked: list[str] = []
        self.answers = True
        self.calls_itself = ""

    def token(self, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A good one for alice, with these changes."""
        good = {"iss": self.url, "aud": AUDIENCE, "exp": time.time() + 300, "email": "alice@example.org"}
        kept = {name: value for name, value in (good | claims).items() if value is not None}
        kind = {"alg": "ES256", "kid": "one", "typ": "JWT"} | dict(header or {})
        return jwt.encode({name: value for name, value in kind.items() if value is not None}, kept, key or self.key)

    def document(self, path: str) -> Document:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.calls_itself or self.url,
                "jwks_uri": self.url + "/keys",
                "introspection_endpoint": self.url + "/introspect",
            }
        assert path == "/keys"
        return {"keys": [key.as_dict(private=False) for key in self.published]}

    # --- as a Fetcher ----------------------------------------------------------------------------

    def get(self, url: str) -> Document:
        self.asked.append(url.removeprefix(self.url))
        if not self.answers:
            raise IssuerUnavailable("gone fishing")
        return self.document(url.removeprefix(self.url))

    def post(self, url: str, form: Mapping[str, str], user: str, password: Secret[str]) -> Document:
        assert (url, user, password.reveal()) == (self.url + "/introspect", "pillarbox", "s3cret")
        return self.active.get(form["token"], {"active": False})


@contextmanager
def https_issuer(folder: Path) -> Iterator[TokenIssuer]:
    """The same behind a real web server; `folder/issuer-ca.pem` vouches for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "issuer-ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    issuer = TokenIssuer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", issuer.url + "/keys")
                self.end_headers()
            else:
                self._say({"fill": "x" * 1_000_000} if self.path == "/large" else issuer.document(self.path))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._say(issuer.active.get(form["token"][0], {"active": False}))

        def _say(self, document: Document) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    issuer.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
