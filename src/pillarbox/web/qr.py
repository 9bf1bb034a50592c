"""A QR code that brings a phone to the settings: on screen, on paper, in a terminal.

There is no code that mail programs agree on. So it holds the link to the page of settings; without an HTTPS port, the
settings as text.

Must never: hold a password.
"""

from __future__ import annotations

import io
from urllib.parse import quote

import segno

from pillarbox.web.client_settings import ClientSettings


def content(settings: ClientSettings, page_url: str | None) -> str:
    """What the code says."""
    if page_url is not None:
        return page_of(settings, page_url)
    lines = [settings.display_name]
    if settings.address is not None:
        lines.append(f"User {settings.user_name(settings.address)}")
    lines.append(f"IMAP {settings.imap} {settings.imap.security.name}")
    if settings.smtp is not None:
        lines.append(f"SMTP {settings.smtp} {settings.smtp.security.name}")
    return "\n".join(lines)


def page_of(settings: ClientSettings, page_url: str) -> str:
    """The link to the page of settings for this address."""
    address = "" if settings.address is None else f"?emailaddress={quote(settings.address.text, safe='@')}"
    return f"{page_url}/{address}"


def as_svg(text: str) -> bytes:
    """A picture that scales: black on white, with the quiet zone that cameras need."""
    buffer = io.BytesIO()
    # With a view box and without a size: it fills the place that it is given.
    segno.make(text, error="m").save(
        buffer, kind="svg", border=4, light="#fff", xmldecl=False, svgclass=None, omitsize=True
    )
    return buffer.getvalue()


def for_terminal(text: str) -> str:
    """Half-block characters, light on dark, with the quiet zone."""
    buffer = io.StringIO()
    segno.make(text, error="m").terminal(buffer, border=2, compact=True)
    return buffer.getvalue()
