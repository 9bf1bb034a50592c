"""keep, fileinto, redirect, discard, reject, ereject: where the message goes.

Must never: do it. RFC 5228 section 4, RFC 3894 (copy), RFC 5232 section 5 (:flags), RFC 5490 section 3.2 (:create),
RFC 8579 (:specialuse), RFC 5429 (reject).
"""

from __future__ import annotations

import re
from typing import Final

from pillarbox.mail.errors import MailError
from pillarbox.mail.names import NameLimits, canonical_name, check_new_name
from pillarbox.mail.specialuse import SPECIAL_USE_BY_LOWER
from pillarbox.sieve.errors import RunFailed
from pillarbox.sieve.outcome import FileInto, Keep, Redirect, Reject
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word

_FLAGS: Final = Tag("flags", Kind.STRINGS, "imap4flags")
_COPY: Final = Tag("copy", extension="copy")
_ONE: Final = ((Kind.STRING,),)

_address = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x20\x7f]+@[^\s\"(),:;<>@\[\\\]\x00-\x20\x7f]+")


def _flags(run: Run, call: Call) -> frozenset[str]:
    if "flags" in call.tags:
        return run.flag_set(run.expand_all(call.tag_texts("flags")))
    return run.flag_set(run.flags)


def _cancel(run: Run, call: Call) -> None:
    if "copy" not in call.tags:
        run.cancel_keep()


def _keep(run: Run, call: Call) -> None:
    run.add(Keep(_flags(run, call), run.message.changed_header))
    run.cancel_keep()  # it is explicit now


def _fileinto(run: Run, call: Call) -> None:
    name = canonical_name(run.expand(call.text(0)))
    try:
        check_new_name(name, NameLimits())
    except MailError as error:
        raise RunFailed(f'fileinto "{name[:60]}": {error}') from error
    use = call.tag_text("specialuse")
    special_use = "" if use is None else SPECIAL_USE_BY_LOWER.get(run.expand(use).lower(), "")
    run.add(FileInto(name, _flags(run, call), "create" in call.tags, special_use, run.message.changed_header))
    _cancel(run, call)


def _redirect(run: Run, call: Call) -> None:
    address = run.expand(call.text(0)).strip()
    if not is_address(address):
        raise RunFailed(f'redirect "{address[:60]}": that is no mail address')
    run.add(Redirect(address, run.message.changed_header))
    _cancel(run, call)


def is_address(text: str) -> bool:
    return len(text) <= 254 and _address.fullmatch(text) is not None


def _check_redirect(call: Call, checker: Checker) -> None:
    text = call.text(0)
    if text.constant is not None and not is_address(text.constant.strip()):
        checker.mistake(text.place, f'"{text.source[:60]}" is no mail address')


def _check_fileinto(call: Call, checker: Checker) -> None:
    use = call.tag_text("specialuse")
    if use is not None and use.constant is not None and use.constant.lower() not in SPECIAL_USE_BY_LOWER:
        checker.mistake(use.place, f'there is no special use "{use.source[:60]}"')


def _discard(run: Run, call: Call) -> None:
    run.cancel_keep()


def _reject(run: Run, call: Call) -> None:
    """reject and ereject alike: the sender hears of it from the LMTP answer (RFC 5429 sections 2.1 and 2.2)."""
    run.add(Reject(run.expand(call.text(0))))
    run.cancel_keep()


WORDS = (
    Word("keep", "5228 4.3", tags=(_FLAGS,), act=_keep),
    Word("discard", "5228 4.4", act=_discard),
    Word(
        "fileinto",
        "5228 4.1",
        ("fileinto",),
        (_FLAGS, _COPY, Tag("create", extension="mailbox"), Tag("specialuse", Kind.STRING, "special-use")),
        _ONE,
        act=_fileinto,
        check=_check_fileinto,
    ),
    Word("redirect", "5228 4.2", tags=(_COPY,), forms=_ONE, act=_redirect, check=_check_redirect),
    Word("reject", "5429 2.2", ("reject",), forms=_ONE, act=_reject),
    Word("ereject", "5429 2.1", ("ereject",), forms=_ONE, act=_reject),
)
