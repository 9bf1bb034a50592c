"""The HTTP side: which document a path and an address lead to, and with which headers it goes out.

Must never: ask whether an account exists; send anything without the security headers; read more of a body than the
settings allow. Every address of a domain gets the same answer but for its own text.

RFC 9110 (HTTP), W3C Content Security Policy level 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.web import autoconfig, autodiscover, mobileconfig, qr
from pillarbox.web.client_settings import Address, AddressUnusable, ClientSettings, Site, ascii_host, parse_address
from pillarbox.web.mobileconfig import ProfileSigner
from pillarbox.web.page import Pages

SECURITY_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
        b"base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),  # the address is in the query
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""On everything. No Strict-Transport-Security: it would bind every other port of the host, which is not ours."""

_UNSERVED: Final = "This server has no settings for that domain."
_LOGGED_PATH: Final = 100
_XML: Final = "application/xml; charset=utf-8"


def make_app(
    site: Site,
    signer: Callable[[], ProfileSigner | None],
    max_body_bytes: int,
    clock: Clock,
    events: EventLog,
    more: Sequence[Route] = (),
) -> ASGIApp:
    """The ASGI application, with `more` beside the documents. `signer` is asked for each profile, so a renewed
    certificate signs at once."""
    documents = _Documents(site, signer, max_body_bytes, clock)
    routes = [Route(path, documents.autoconfig) for path in autoconfig.PATHS]
    routes += [
        Route("/", documents.page),
        Route("/style.css", documents.style),
        Route("/copy.js", documents.script),
        Route("/qr.svg", documents.qr_code),
        Route("/mail.mobileconfig", documents.profile),
        Route(autodiscover.XML_PATH, documents.autodiscover_xml, methods=["POST"]),
        Route(autodiscover.JSON_PATH, documents.autodiscover_json),
        Route(autodiscover.JSON_PATH + "/{version}/{address}", documents.autodiscover_json),
    ]
    routes += more
    refused = {HTTPException: _refused}
    return _Outside(Starlette(routes=routes, exception_handlers=refused), clock, events)


class _Documents:
    """One method for each path."""

    def __init__(
        self, site: Site, signer: Callable[[], ProfileSigner | None], max_body_bytes: int, clock: Clock
    ) -> None:
        self._site = site
        self._signer = signer
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._pages = Pages()

    async def page(self, request: Request) -> Response:
        typed = request.query_params.get("emailaddress")
        if typed is None:
            return _html(self._pages.entrance("", ""))
        try:
            settings, _ = self._asked(request)
        except HTTPException as refusal:
            return _html(self._pages.entrance(typed, refusal.detail), refusal.status_code)
        return _html(self._pages.served(settings, self._base_url(request)))

    async def style(self, _request: Request) -> Response:
        return Response(self._pages.style, media_type="text/css", headers={"cache-control": "max-age=3600"})

    async def script(self, _request: Request) -> Response:
        return Response(self._pages.script, media_type="text/javascript", headers={"cache-control": "max-age=3600"})

    async def autoconfig(self, request: Request) -> Response:
        settings = self._asked(request)[0] if "emailaddress" in request.query_params else self._of_host(request)
        return Response(autoconfig.autoconfig(settings, self._base_url(request)), headers={"content-type": _XML})

    async def profile(self, request: Request) -> Response:
        settings, address = self._asked(request)
        try:
            profile = mobileconfig.mobileconfig(settings, address)
        except mobileconfig.ProfileImpossible as error:
            raise HTTPException(404, "There is no profile here: this server knows no server for sending.") from error
        signer = self._signer()
        data = profile if signer is None else signer.sign(profile)
        headers = {"content-disposition": 'attachment; filename="mail.mobileconfig"'}
        return Response(data, media_type=mobileconfig.MEDIA_TYPE, headers=headers)

    async def qr_code(self, request: Request) -> Response:
        settings = self._asked(request)[0] if "emailaddress" in request.query_params else self._of_host(request)
        return Response(qr.as_svg(qr.content(settings, self._base_url(request))), media_type="image/svg+xml")

    async def autodiscover_xml(self, request: Request) -> Response:
        body = await self._body(request)
        try:
            asked = autodiscover.read_request(body)
            address = parse_address(asked.address)
        except (autodiscover.RequestUnusable, AddressUnusable):
            return self._autodiscover_refused(autodiscover.Refusal.INVALID)
        if not asked.wants_outlook:
            return self._autodiscover_refused(autodiscover.Refusal.SCHEMA)
        settings = self._site.of_address(address)
        if settings is None:
            return self._autodiscover_refused(autodiscover.Refusal.NOT_FOUND)
        return Response(autodiscover.settings_response(settings, address), headers={"content-type": _XML})

    async def autodiscover_json(self, request: Request) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}
        try:
            address = parse_address(request.path_params.get("address") or query.get("email", ""))
        except AddressUnusable as error:
            raise HTTPException(400, str(error)) from error
        if self._site.of_address(address) is None:
            raise HTTPException(404, _UNSERVED)
        status, document = autodiscover.json_response(query.get("protocol"), self._base_url(request))
        return JSONResponse(document, status)

    def _asked(self, request: Request) -> tuple[ClientSettings, Address]:
        """The settings for `?emailaddress=`."""
        try:
            address = parse_address(request.query_params.get("emailaddress", ""))
        except AddressUnusable as error:
            raise HTTPException(400, f"That can't be used: {error}.") from error
        settings = self._site.of_address(address)
        if settings is None:
            raise HTTPException(404, _UNSERVED)
        return settings, address

    def _of_host(self, request: Request) -> ClientSettings:
        """Without an address: the domain below which the document was asked for, else the first that is served."""
        try:
            host = ascii_host(request.headers.get("host", "").partition(":")[0])
        except AddressUnusable as error:
            raise HTTPException(404, _UNSERVED) from error
        for candidate in (host.removeprefix("autoconfig."), host, *self._site.domains[:1]):
            if candidate in self._site.domains:
                settings = self._site.of_domain(candidate)
                if settings is not None:
                    return settings
        if not self._site.domains and host.startswith("autoconfig."):
            settings = self._site.of_domain(host.removeprefix("autoconfig."))
            if settings is not None:
                return settings
        raise HTTPException(404, _UNSERVED)

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body_bytes:
                    raise HTTPException(413, "That is too long.")
        except ClientDisconnect as error:  # no error of ours: anybody may hang up
            raise HTTPException(400, "The request ended early.") from error
        return bytes(body)

    def _autodiscover_refused(self, refusal: autodiscover.Refusal) -> Response:
        document = autodiscover.error_response(refusal, self._clock.now_seconds())
        return Response(document, headers={"content-type": _XML})

    def _base_url(self, _request: Request) -> str:
        """Links name the configured host, never the Host header, which anybody may forge."""
        assert self._site.web_url is not None, "documents are served, so there is an HTTPS port"
        return self._site.web_url


class _Outside:
    """What surrounds every answer: security headers, the date, any case in Autodiscover's paths, one event."""

    def __init__(self, app: ASGIApp, clock: Clock, events: EventLog) -> None:
        self._app = app
        self._clock = clock
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                headers.extend(SECURITY_HEADERS)
                headers.append((b"date", formatdate(self._clock.now_seconds(), usegmt=True).encode()))
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                self._note(scope, message["status"])
            await send(message)

        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served here")
        lowered = str(scope["path"]).lower()
        if lowered.startswith("/autodiscover/"):
            # The address at the end of a version 2 path loses its case too; only its domain counts there.
            scope = {**scope, "path": lowered}
        await self._app(scope, receive, send_dressed)

    def _note(self, scope: Scope, status: int) -> None:
        """The query stays out: it holds somebody's address."""
        client = scope.get("client") or ("", 0)
        path = str(scope["path"])
        if path.startswith(autodiscover.JSON_PATH):
            path = autodiscover.JSON_PATH  # so does the end of a version 2 path
        self._events.info(
            "web.request", address=client[0], method=scope["method"], path=path[:_LOGGED_PATH], status=status
        )


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(f"{error.detail}\n", error.status_code, dict(error.headers or {}), "text/plain")


def _html(page: bytes, status: int = 200) -> Response:
    return Response(page, status, media_type="text/html")
