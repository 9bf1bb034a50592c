"""Reads the arguments of LMTP's commands.

RFC 5321 sections 4.1.2 and 4.1.3 with RFC 6531 section 3.3 (UTF-8), RFC 1870 (SIZE), RFC 6152 (BODY), RFC 3461
(RET, ENVID, NOTIFY, ORCPT: read and passed over, for every reply here is final), RFC 3030 (BDAT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PATH: Final = re.compile(
    r"""<(?:@[^<>:\s]*:)?                     # a source route, to be ignored
        (?:(?P<dot>[^\s<>()\[\]\\,;:@"\x00-\x1f\x7f]+)|"(?P<quoted>(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)")
        (?:@(?P<domain>[^\s<>()@"\\,;\x00-\x1f\x7f]+))?>""",
    re.VERBOSE,
)
_PARAMETER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[^\s=\x00-\x1f\x7f]+)?")
_MAIL_KEYWORDS: Final = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"})
_RCPT_KEYWORDS: Final = frozenset({"NOTIFY", "ORCPT"})
MAX_PATH_BYTES: Final = 1024
"""RFC 5321 section 4.5.3.1.3 has 256; UTF-8 and long tags of mailing lists want more."""


class Unreadable(Exception):
    """An argument breaks the grammar. The text is for the client."""


class UnknownParameter(Exception):
    """A parameter that no extension here has. The text is for the client."""


@dataclass(frozen=True, slots=True)
class MailFrom:
    sender: str
    """Empty for `<>`."""
    size_bytes: int
    """What SIZE says; 0 when it says nothing."""


def mail_from(raw: bytes) -> MailFrom:
    """mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF; `raw` is what follows the verb.

    Reverse-path = Path / "<>". Raises Unreadable, UnknownParameter.
    """
    path, parameters = _path_and_parameters(raw, "FROM:", _MAIL_KEYWORDS)
    if parameters.get("BODY", "8BITMIME").upper() not in ("7BIT", "8BITMIME"):
        raise UnknownParameter("BODY is 7BIT or 8BITMIME here")
    size = parameters.get("SIZE", "0")
    if not (size.isascii() and size.isdigit() and len(size) <= 20):
        raise Unreadable("SIZE wants a number")
    sender = "" if path == "<>" else address(path)
    if not sender.isascii() and "SMTPUTF8" not in parameters:
        raise Unreadable("An address beyond ASCII needs SMTPUTF8")
    return MailFrom(sender, int(size))


def rcpt_to(raw: bytes) -> str:
    """rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF.

    The address, its local part without quotes. Raises Unreadable, UnknownParameter.
    """
    path, _ = _path_and_parameters(raw, "TO:", _RCPT_KEYWORDS)
    return address(path)


def address(path: str) -> str:
    """Path = "<" [ A-d-l ":" ] Mailbox ">"; Mailbox = Local-part "@" ( Domain / address-literal ).

    Local-part = Dot-string / Quoted-string; quotes are taken off. A name without domain is read too. Raises Unreadable.
    """
    found = _PATH.fullmatch(path)
    if found is None or len(path.encode("utf-8")) > MAX_PATH_BYTES:
        raise Unreadable("That is no address in angle brackets")
    local = found["dot"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
    if not local:
        raise Unreadable("That is no address in angle brackets")
    return local if found["domain"] is None else f"{local}@{found['domain']}"


def chunk(raw: bytes) -> tuple[int, bool]:
    """bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF; end-marker ::= "LAST". Raises Unreadable."""
    words = raw.upper().split()
    is_last = len(words) == 2 and words[1] == b"LAST"
    if not words or not words[0].isdigit() or len(words[0]) > 20 or (len(words) > 1 and not is_last):
        raise Unreadable("BDAT wants a number of octets, and LAST for the last chunk")
    return int(words[0]), is_last


def _path_and_parameters(raw: bytes, keyword: str, known: frozenset[str]) -> tuple[str, dict[str, str]]:
    try:
        text = raw.decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        raise Unreadable("That is not UTF-8") from None
    if text[: len(keyword)].upper() != keyword:
        raise Unreadable(f"{keyword} is missing")
    rest = text[len(keyword) :].lstrip(" ")  # some clients put a space here
    end = _end_of_path(rest)
    if rest[end : end + 1] not in ("", " "):
        raise Unreadable("A space is missing behind the address")
    parameters = {}
    for word in rest[end:].split():
        name, _, value = word.partition("=")
        if not _PARAMETER.fullmatch(word):
            raise Unreadable("That is no parameter")
        if name.upper() not in known:
            raise UnknownParameter(f"The parameter {name[:40].upper()} is not known here")
        parameters[name.upper()] = value
    return rest[:end], parameters


def _end_of_path(text: str) -> int:
    """Behind the ">" that ends it; a ">" in quotes does not."""
    is_quoted = is_escaped = False
    for index, character in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted and character == "\\":
            is_escaped = True
        elif character == '"':
            is_quoted = not is_quoted
        elif character == ">" and not is_quoted:
            return index + 1
    raise Unreadable("That is no address in angle brackets")
