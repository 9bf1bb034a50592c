"""IMAP URLs that name a message or a part of one: read, written, and resolved against a base.

RFC 5092 with the relative references of RFC 3986 section 5, the URLAUTH parts of RFC 4467. Regular expressions here
have no nested repeats: linear time.

    imapurl      = "imap://" iserver ipath-query
    iserver      = [iuserinfo "@"] host [":" port]
    iuserinfo    = enc-user [iauth] / [enc-user] iauth      ; iauth = ";AUTH=" ("*" / enc-auth-type)
    imessagepart = imailbox-ref iuid [isection] [ipartial]  ; imailbox-ref = enc-mailbox [";UIDVALIDITY=" nz-number]
    iuid         = "/;UID=" nz-number
    isection     = "/;SECTION=" enc-section
    ipartial     = "/;PARTIAL=" number ["." nz-number]
    iurlauth     = [";EXPIRE=" date-time] ";URLAUTH=" access [":" uauth-mechanism ":" enc-urlauth]
    access       = ("submit+" enc-user) / ("user+" enc-user) / "authuser" / "anonymous"

URLs that name a server, a mailbox or a search are of no use to CATENATE and URLFETCH and are not read here.

Must never: look anything up; say that a URL may be used.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

MAX_URL_BYTES: Final = 4_096
"""A mailbox name has 255 bytes at most, three times that when encoded; the rest is room for lists of header names."""

_ACHAR: Final = r"(?:[A-Za-z0-9._~!$'()*+,&=-]|%[0-9A-Fa-f]{2})"
_BCHAR: Final = r"(?:[A-Za-z0-9._~!$'()*+,&=:@/-]|%[0-9A-Fa-f]{2})"
_PLAIN_USER: Final = "!$'()*+,&=~"
_PLAIN_MAILBOX: Final = _PLAIN_USER + ":@/"
"""What stands for itself beside letters, digits and `-._`."""
_NUMBER: Final = "[1-9][0-9]{0,9}"
_SERVER: Final = re.compile(
    rf"""imap://
    (?:(?P<user>{_ACHAR}+)?(?:;AUTH=(?:\*|{_ACHAR}+))?@)?
    (?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)
    (?::(?P<port>[0-9]{{1,5}}))?
    (?P<path>(?:/.*)?)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_PATH: Final = re.compile(
    rf"""/(?P<mailbox>{_BCHAR}+)
    (?:;UIDVALIDITY=(?P<uidvalidity>{_NUMBER}))?
    /;UID=(?P<uid>{_NUMBER})
    (?:/;SECTION=(?P<section>{_BCHAR}+?))?
    (?:/;PARTIAL=(?P<first>[0-9]{{1,18}})(?:\.(?P<count>[1-9][0-9]{{0,17}}))?)?
    (?P<rump>(?:;EXPIRE=(?P<expire>[0-9TZ:.+-]{{20,40}}))?
     ;URLAUTH=(?P<access>anonymous|authuser|(?:user|submit)\+(?P<for>{_ACHAR}+)))?
    (?(rump)(?::(?P<mechanism>[A-Z0-9.-]+):(?P<token>[0-9A-F]{{32,}}))?)""",
    re.VERBOSE | re.IGNORECASE,
)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?[0-9]*(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_FRACTION: Final = re.compile(r"\.[0-9]+")
_MAX_NUMBER: Final = 2**32 - 1


class UrlInvalid(ValueError):
    """Not an IMAP URL of a message or of a part of one."""


class Access(enum.Enum):
    """Who may use a URL (RFC 4467 section 3): the access identifier."""

    ANONYMOUS = "anonymous"
    """Everybody who can send URLFETCH."""
    AUTHUSER = "authuser"
    """Everybody who is logged in."""
    USER = "user"
    """Who is logged in as the user named."""
    SUBMIT = "submit"
    """A message submission server, on behalf of the user named."""


@dataclass(frozen=True, slots=True)
class UrlAuth:
    """What stands behind `;URLAUTH=`."""

    access: Access
    rump: str
    """The URL up to here as it was written: what the token vouches for."""
    login_name: str = ""
    """Of USER and SUBMIT."""
    expires_seconds: float | None = None
    """Epoch; None for never."""
    mechanism: str = ""
    """Upper case; empty when the URL is not authorised yet."""
    token: str = ""
    """Hexadecimal, lower case."""


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """A message, or a part of one, decoded."""

    mailbox: str
    uid: int
    uidvalidity: int | None = None
    section: str = ""
    """As in FETCH BODY[...]; empty for the whole message."""
    first: int = 0
    """The octet that it begins with."""
    count: int | None = None
    """How many octets; None for all the rest."""
    host: str = ""
    """Lower case, with its port when one is written; empty only in what was never resolved."""
    login_name: str = ""
    auth: UrlAuth | None = None


def parse_url(text: str) -> MessageUrl:
    """An absolute URL. Raises UrlInvalid."""
    if len(text) > MAX_URL_BYTES:
        raise UrlInvalid
    server = _SERVER.fullmatch(text)
    path = _PATH.fullmatch(server["path"]) if server else None
    if server is None or path is None:
        raise UrlInvalid
    host = server["host"].lower() + (f":{server['port']}" if server["port"] else "")
    return MessageUrl(
        _decode(path["mailbox"]),
        _bounded(path["uid"]),
        _bounded(path["uidvalidity"]) if path["uidvalidity"] else None,
        _decode(path["section"] or ""),
        int(path["first"] or 0),
        int(path["count"]) if path["count"] else None,
        host,
        _decode(server["user"] or ""),
        _parse_auth(text, path) if path["rump"] else None,
    )


def _parse_auth(text: str, path: re.Match[str]) -> UrlAuth:
    token = path["token"] or ""
    rump = text[: -len(f":{path['mechanism']}:{token}")] if token else text
    return UrlAuth(
        Access(path["access"].partition("+")[0].lower()),
        rump,
        _decode(path["for"] or ""),
        _parse_expiry(path["expire"]) if path["expire"] else None,
        (path["mechanism"] or "").upper(),
        token.lower(),
    )


def _parse_expiry(text: str) -> float:
    """date-time of RFC 3339 section 5.6."""
    if not _RFC3339.fullmatch(text.upper()):
        raise UrlInvalid
    try:
        return datetime.fromisoformat(_FRACTION.sub("", text.upper())).timestamp()
    except (ValueError, OverflowError):
        raise UrlInvalid from None


def _bounded(digits: str) -> int:
    number = int(digits)
    if number > _MAX_NUMBER:
        raise UrlInvalid
    return number


def _decode(encoded: str) -> str:
    """Percent-encoded UTF-8 (RFC 5092 section 8), without controls."""
    try:
        text = unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise UrlInvalid from None
    if not text.isprintable():
        raise UrlInvalid
    return text


# --- relative references -----------------------------------------------------------------------------


def resolve_url(reference: str, host: str, login_name: str, mailbox: str | None) -> MessageUrl:
    """What `reference` stands for in a session: RFC 4469 section 3 names the base `imap://user@server/`, with the open
    mailbox behind it when there is one. Raises UrlInvalid.

    RFC 3986 section 5.2, but for `;UID=...` alone: by the letter it would take the place of the mailbox, and name
    nothing; here it is a message of the open mailbox, as RFC 5092 section 7.2 has it for a base that names a message.
    """
    if len(reference) > MAX_URL_BYTES:
        raise UrlInvalid
    if reference[:7].lower() == "imap://":
        return parse_url(reference)
    if reference.startswith("//"):
        return parse_url(f"imap:{reference}")
    base = f"/{_encode_mailbox(mailbox)}" if mailbox is not None else "/"
    if reference.startswith("/"):
        path = reference
    elif reference.startswith(";"):
        path = f"{base.rstrip('/')}/{reference}"
    else:
        path = base[: base.rfind("/") + 1] + reference
    return parse_url(f"imap://{quote(login_name, safe=_PLAIN_USER)}@{host}{_without_dots(path)}")


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


# --- writing -----------------------------------------------------------------------------------------


def _encode_mailbox(name: str) -> str:
    return quote(name, safe=_PLAIN_MAILBOX)


def write_url(url: MessageUrl) -> str:
    """The URL in absolute form: `parse_url` gives `url` back. (Of its URLAUTH part only the rump is its own text, so
    one that is authorised is written by `authorised`.)"""
    user = f"{quote(url.login_name, safe=_PLAIN_USER)}@" if url.login_name else ""
    text = f"imap://{user}{url.host}/{_encode_mailbox(url.mailbox)}"
    if url.uidvalidity is not None:
        text += f";UIDVALIDITY={url.uidvalidity}"
    text += f"/;UID={url.uid}"
    if url.section:
        text += f"/;SECTION={quote(url.section, safe=_PLAIN_MAILBOX)}"
    if url.first or url.count is not None:
        text += f"/;PARTIAL={url.first}" + (f".{url.count}" if url.count is not None else "")
    return text


def authorised(auth: UrlAuth, token: str) -> str:
    """urlauth = iurlauth-rump ":" uauth-mechanism ":" enc-urlauth, with the mechanism INTERNAL."""
    return f"{auth.rump}:internal:{token}"
