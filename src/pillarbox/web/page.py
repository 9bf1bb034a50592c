"""The page of settings for a person: what to enter, line by line, and what sets up a device by itself.

Must never: name anything on another host; show what was typed without escaping (the templates escape everything).
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

import jinja2

from pillarbox.web import qr
from pillarbox.web.client_settings import ClientSettings, Endpoint
from pillarbox.web.mobileconfig import MEDIA_TYPE
from pillarbox.web.settings import Security

_SECURITY = {Security.TLS: "SSL/TLS", Security.STARTTLS: "STARTTLS"}


@dataclass(frozen=True, slots=True)
class ServerLines:
    """One server, in the words that mail programs use."""

    title: str
    protocol: str
    host: str
    port: int
    security: str
    user_name: str


def server_lines(settings: ClientSettings) -> list[ServerLines]:
    """What to enter for receiving, and for sending when that is known."""
    if settings.address is not None:
        user_name = settings.user_name(settings.address)
    else:
        user_name = "your mail address" if settings.login.value == "address" else "the part before the @"

    def lines(title: str, protocol: str, endpoint: Endpoint) -> ServerLines:
        return ServerLines(title, protocol, endpoint.host, endpoint.port, _SECURITY[endpoint.security], user_name)

    found = [lines("Receiving", "IMAP", settings.imap)]
    if settings.smtp is not None:
        found.append(lines("Sending", "SMTP", settings.smtp))
    return found


class Pages:
    """Renders the pages; the templates are read once."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("pillarbox.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        assets = importlib.resources.files("pillarbox.web") / "assets"
        self.style = (assets / "style.css").read_bytes()
        self.script = (assets / "copy.js").read_bytes()

    def served(self, settings: ClientSettings, base_url: str) -> bytes:
        """The page as it is served: style, script and pictures are files beside it."""
        return self._settings(settings, base_url, style=None, picture=None)

    def single_file(self, settings: ClientSettings, page_url: str | None) -> bytes:
        """The page in one file, to send or to print: style and QR code are within, no script."""
        picture = qr.as_svg(qr.content(settings, page_url)).decode()
        return self._settings(settings, page_url, style=self.style.decode(), picture=picture)

    def entrance(self, typed: str, complaint: str) -> bytes:
        """The page that asks for an address; again with what was typed, when that can't be used."""
        template = self._templates.get_template("entrance.html")
        return template.render(typed=typed if typed.isprintable() else "", complaint=complaint, style=None).encode()

    def plain(self, settings: ClientSettings) -> str:
        """The same as lines of text, for a mail or a terminal."""
        blocks = []
        for server in server_lines(settings):
            rows = [
                ("Server", server.host),
                ("Port", str(server.port)),
                ("User name", server.user_name),
                ("Password", "your mail password"),
                ("Security", server.security),
                ("Sign-in", "normal password"),
            ]
            title = f"{server.title} mail ({server.protocol})"
            blocks.append("\n".join([title, *(f"  {label:<10} {value}" for label, value in rows)]))
        return "\n\n".join([settings.display_name, *blocks]) + "\n"

    def _settings(
        self, settings: ClientSettings, page_url: str | None, style: str | None, picture: str | None
    ) -> bytes:
        page = self._templates.get_template("settings.html").render(
            settings=settings,
            address=settings.address.text if settings.address is not None else None,
            servers=server_lines(settings),
            page_url=page_url,
            qr_content=qr.content(settings, page_url),
            profile_type=MEDIA_TYPE,
            style=style,
            picture=picture,
        )
        return page.encode()
