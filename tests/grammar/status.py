"""Status responses: conditions, response codes with their arguments, text.

RFC 9051 sections 7.1 and 9; RFC 3501, 3516, 4315, 4469, 5530, 6154, 7162, 7889 for codes.
Stricter than RFC 9051 (which lets text be empty), as RFC 3501 and interop.md are: text is never empty and has no
space at either end, a response code is one that an RFC defines, in upper case.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.grammar.reader import Dialect, Reader
from tests.grammar.tree import Code, Status

_TEXT = re.compile(rb"[^\r\n\x00]+")
_URL = re.compile(rb"[!-Z^-~\[]+")
_CODE_NAME = re.compile(rb"[A-Z0-9-]+")
CONDITIONS = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")


def status(reader: Reader, tag: str | None) -> Status:
    """resp-cond-state = ("OK" / "NO" / "BAD") SP resp-text ; untagged also resp-cond-bye and resp-cond-auth"""
    for condition in CONDITIONS:
        if reader.accept(condition + b" "):
            if tag is not None and condition in (b"BYE", b"PREAUTH"):
                raise reader.fail("OK, NO or BAD in a tagged response")
            code, text = resp_text(reader)
            return Status(tag, condition.decode("ascii"), code, text)
    raise reader.fail("OK, NO, BAD, BYE or PREAUTH")


def resp_text(reader: Reader) -> tuple[Code | None, str]:
    """resp-text = ["[" resp-text-code "]" SP] text ; text = 1*TEXT-CHAR"""
    code = None
    if reader.accept(b"["):
        code = resp_text_code(reader)
        reader.expect(b"]")
        reader.space()
    raw = reader.match(_TEXT, "text").group()
    if raw != raw.strip() or (not raw.isascii() and reader.dialect is Dialect.ASCII):
        raise reader.fail("7-bit text without a space at its ends")
    if raw.startswith(b"["):
        raise reader.fail("text that can't be taken for a response code")
    return code, raw.decode("utf-8")


def resp_text_code(reader: Reader) -> Code:
    """resp-text-code = "ALERT" / ... : the tables below, each code with exactly its own arguments"""
    name = reader.match(_CODE_NAME, "response code").group().decode("ascii")
    if name in _BARE:
        return Code(name)
    if name not in _WITH_ARGUMENTS:
        raise reader.fail(f"a response code that an RFC defines, not {name},")
    return Code(name, _WITH_ARGUMENTS[name](reader))


_BARE = frozenset(
    [
        # RFC 3501, RFC 9051
        *("ALERT", "PARSE", "READ-ONLY", "READ-WRITE", "TRYCREATE", "UIDNOTSTICKY", "CLOSED", "NOTSAVED"),
        *("HASCHILDREN", "UNKNOWN-CTE"),
        # RFC 5530
        *("UNAVAILABLE", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"),
        *("NOPERM", "INUSE", "EXPUNGEISSUED", "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA"),
        *("ALREADYEXISTS", "NONEXISTENT"),
        # RFC 7162, RFC 6154, RFC 4469 (TOOBIG, which RFC 7889 asks for)
        *("NOMODSEQ", "USEATTR", "TOOBIG"),
        # RFC 4978, RFC 9586
        *("COMPRESSIONACTIVE", "UIDREQUIRED"),
        # RFC 5465
        "NOTIFICATIONOVERFLOW",
    ]
)
"""New codes without arguments of later RFCs go here."""


def _capabilities(reader: Reader) -> tuple[object, ...]:
    names = capability_names(reader)
    return tuple(names)


def capability_names(reader: Reader) -> list[str]:
    """capability-data = "CAPABILITY" *(SP capability) SP "IMAP4rev2" *(SP capability); RFC 3501: "IMAP4rev1".

    capability = ("AUTH=" auth-type) / atom
    """
    names: list[str] = []
    while reader.accept(b" "):
        name = reader.atom()
        if name.upper() in (known.upper() for known in names):
            raise reader.fail(f"{name} once")
        names.append(name)
    if "IMAP4rev1" not in names or "IMAP4rev2" not in names:
        raise reader.fail("IMAP4rev1 and IMAP4rev2 among the capabilities")
    return names


def _number(reader: Reader) -> tuple[object, ...]:
    reader.space()
    return (reader.nz_number(),)


def _modseq(reader: Reader) -> tuple[object, ...]:
    """ "HIGHESTMODSEQ" SP mod-sequence-value (RFC 7162)"""
    reader.space()
    return (reader.modseq(),)


def _permanent_flags(reader: Reader) -> tuple[object, ...]:
    """ "PERMANENTFLAGS" SP "(" [flag-perm *(SP flag-perm)] ")" """
    reader.expect(b" (")
    flags: list[str] = []
    while not reader.accept(b")"):
        if flags:
            reader.space()
        flags.append(reader.flag_perm())
    if len({flag.lower() for flag in flags}) != len(flags):
        raise reader.fail("each flag once")
    return tuple(flags)


def _bad_charset(reader: Reader) -> tuple[object, ...]:
    """ "BADCHARSET" [SP "(" charset *(SP charset) ")" ] ; charset = atom / quoted"""
    if not reader.accept(b" "):
        return ()
    reader.expect(b"(")
    names = []
    while True:
        names.append(reader.quoted().decode("ascii") if reader.sees(b'"') else reader.atom())
        if reader.accept(b")"):
            return tuple(names)
        reader.space()


def _append_uid(reader: Reader) -> tuple[object, ...]:
    """resp-code-apnd = "APPENDUID" SP nz-number SP append-uid ; append-uid =/ uid-set (RFC 4315)

    The set form MUST NOT be used for a single message, so never `7:7`.
    """
    reader.space()
    uidvalidity = reader.nz_number()
    reader.space()
    uids = reader.numbers()
    if b":" in reader.data[: reader.at] and any(low == high for low, high in uids) and len(uids) == 1:
        written = reader.data[: reader.at].rsplit(b" ", 1)[-1]
        if b":" in written:
            raise reader.fail("a single UID, not a range of one,")
    return uidvalidity, uids


def _copy_uid(reader: Reader) -> tuple[object, ...]:
    """resp-code-copy = "COPYUID" SP nz-number SP uid-set SP uid-set ; the sets correspond"""
    reader.space()
    uidvalidity = reader.nz_number()
    reader.space()
    source = reader.numbers()
    reader.space()
    destination = reader.numbers()
    if count(source) != count(destination):
        raise reader.fail("as many destination UIDs as source UIDs")
    return uidvalidity, source, destination


def count(pairs: tuple[tuple[int, int], ...]) -> int:
    """How many numbers a set holds."""
    return sum(high - low + 1 for low, high in pairs)


def _modified(reader: Reader) -> tuple[object, ...]:
    """ "MODIFIED" SP sequence-set (RFC 7162)"""
    reader.space()
    return (reader.numbers(),)


def _no_update(reader: Reader) -> tuple[object, ...]:
    """resp-text-code =/ "NOUPDATE" SP quoted (RFC 5267)"""
    reader.space()
    return (reader.quoted().decode("ascii"),)


def _object_id(reader: Reader) -> tuple[object, ...]:
    """ "MAILBOXID" SP "(" objectid ")" (RFC 8474)"""
    reader.space()
    return (reader.object_id(),)


def _in_progress(reader: Reader) -> tuple[object, ...]:
    """ "INPROGRESS" [SP "(" (tag-string / nil) SP (number / nil) SP (nz-number / nil) ")"] (RFC 9585)"""
    if not reader.accept(b" ("):
        return ()
    tag = None if reader.accept(b"NIL") else reader.quoted().decode("ascii")
    reader.space()
    progress = None if reader.accept(b"NIL") else reader.number()
    reader.space()
    goal = None if reader.accept(b"NIL") else reader.nz_number()
    reader.expect(b")")
    return tag, progress, goal


def _bad_url(reader: Reader) -> tuple[object, ...]:
    """badurl-response-code = "BADURL" SP url-resp-text ; TEXT-CHAR without "]" and "\\" (RFC 4469 section 5)"""
    reader.space()
    return (reader.match(_URL, "a URL").group().decode("ascii"),)


def _url_mechanisms(reader: Reader) -> tuple[object, ...]:
    """ "URLMECH" SP "INTERNAL" *(SP mechanism ["=" base64]) (RFC 4467 section 9)"""
    reader.expect(b" INTERNAL")
    names = ["INTERNAL"]
    while reader.accept(b" "):
        names.append(reader.atom())
    return tuple(names)


def _metadata(reader: Reader) -> tuple[object, ...]:
    """ "METADATA" SP ("LONGENTRIES" SP number / "MAXSIZE" SP number / "TOOMANY" / "NOPRIVATE") (RFC 5464 section 5)"""
    reader.space()
    what = reader.keyword()
    if what in ("TOOMANY", "NOPRIVATE"):
        return (what,)
    if what not in ("LONGENTRIES", "MAXSIZE"):
        raise reader.fail("what is wrong with the annotation")
    reader.space()
    return what, reader.number()


_EVENTS = frozenset(
    [
        *("MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange"),
        *("MailboxName", "SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange"),
    ]
)


def _bad_event(reader: Reader) -> tuple[object, ...]:
    """unsupported-events-code = "BADEVENT" SP "(" event-name *(SP event-name) ")" (RFC 5465 section 8)"""
    reader.expect(b" (")
    names = [reader.atom()]
    while not reader.accept(b")"):
        reader.space()
        names.append(reader.atom())
    if not _EVENTS.issuperset(names):
        raise reader.fail("events of RFC 5465")
    return tuple(names)


def _undefined_filter(reader: Reader) -> tuple[object, ...]:
    """resp-text-code =/ "UNDEFINED-FILTER" SP filter-name (RFC 5466 section 4)"""
    reader.space()
    return (reader.atom(),)


def _message_limit(reader: Reader) -> tuple[object, ...]:
    """ "MESSAGELIMIT" SP nz-number [SP nz-number] (RFC 9738)"""
    reader.space()
    most = reader.nz_number()
    return (most, reader.nz_number()) if reader.accept(b" ") else (most,)


_WITH_ARGUMENTS: dict[str, Callable[[Reader], tuple[object, ...]]] = {
    "CAPABILITY": _capabilities,
    "UIDNEXT": _number,
    "UIDVALIDITY": _number,
    "UNSEEN": _number,
    "HIGHESTMODSEQ": _modseq,
    "PERMANENTFLAGS": _permanent_flags,
    "BADCHARSET": _bad_charset,
    "APPENDUID": _append_uid,
    "COPYUID": _copy_uid,
    "METADATA": _metadata,
    "MODIFIED": _modified,
    "NOUPDATE": _no_update,
    "MAILBOXID": _object_id,
    "INPROGRESS": _in_progress,
    "BADURL": _bad_url,
    "URLMECH": _url_mechanisms,
    "BADEVENT": _bad_event,
    "UNDEFINED-FILTER": _undefined_filter,
    "MESSAGELIMIT": _message_limit,
}
"""New codes of later RFCs are one row here."""
