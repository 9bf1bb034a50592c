"""What the server says.

Must never: hold text of an exception of ours, a path or SQL. RFC 5804 sections 1.2, 1.3 and 1.7:

    response-ok = "OK" [SP "(" resp-code ")"] [SP string] CRLF
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pillarbox import __version__
from pillarbox.delivery.scripts import ScriptActive, ScriptExists, ScriptMissing, ScriptTooLarge, TooManyScripts
from pillarbox.mail.errors import LimitReached, MailError, OverQuota, StoreUnavailable
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.table import EXTENSIONS

_QUOTED_BYTES: Final = 1024
_CODES: Final[tuple[tuple[type[MailError], str], ...]] = (
    (ScriptMissing, "NONEXISTENT"),
    (ScriptExists, "ALREADYEXISTS"),
    (ScriptActive, "ACTIVE"),
    (ScriptTooLarge, "QUOTA/MAXSIZE"),
    (TooManyScripts, "QUOTA/MAXSCRIPTS"),
    (LimitReached, "QUOTA"),
    (OverQuota, "QUOTA"),
    (StoreUnavailable, "TRYLATER"),
)


def string(data: bytes | str) -> bytes:
    """A string: quoted where it can be, else counted."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if len(raw) > _QUOTED_BYTES or any(mark in raw for mark in (b"\r", b"\n", b"\0")):
        return b"{%d}\r\n%b" % (len(raw), raw)
    return b'"%b"' % raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def answer(word: str, text: str = "", code: str = "") -> bytes:
    """OK, NO or BYE."""
    said = [word.encode()]
    if code:
        said.append(b"(%b)" % code.encode())
    if text:
        said.append(string(text))
    return b" ".join(said) + b"\r\n"


def refusal(error: MailError) -> bytes:
    """NO with the code for an error of ours."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "")
    return answer("NO", str(error), code)


def capabilities(limits: SieveLimits, mechanisms: Sequence[str], login_name: str) -> bytes:
    """What the server can do, and OK."""
    owner = {"OWNER": login_name} if login_name else {}
    return _listed({**_common(limits), "SASL": " ".join(mechanisms), **owner})


def capabilities_before_tls(limits: SieveLimits) -> bytes:
    """No mechanism is offered: passwords never go over a clear line."""
    return _listed({**_common(limits), "SASL": "", "STARTTLS": None})


def _common(limits: SieveLimits) -> dict[str, str | None]:
    return {
        "IMPLEMENTATION": f"Pillarbox {__version__}",
        "SIEVE": " ".join(EXTENSIONS),
        "MAXREDIRECTS": str(limits.redirects),
        "VERSION": "1.0",
    }


def _listed(lines: Mapping[str, str | None]) -> bytes:
    said = [string(name) + (b"" if value is None else b" " + string(value)) for name, value in lines.items()]
    return b"\r\n".join([*said, answer("OK")])
