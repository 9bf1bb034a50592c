"""vacation (RFC 5230) and its :seconds (RFC 6131): tell people that their mail is not read at the moment.

Must never: answer lists, programs, bounces, oneself, or mail that does not name the owner (sections 4.5 and 4.6).
"""

from __future__ import annotations

import re
from typing import Final

from pillarbox.sieve.keys import hashed
from pillarbox.sieve.message import addresses
from pillarbox.sieve.outcome import Answer
from pillarbox.sieve.reply import Reply, write_reply
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word
from pillarbox.sieve.words.disposing import is_address

_DAY: Final = 86_400
_USUAL_DAYS: Final = 7
_TO_FIELDS: Final = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
_LIST_FIELDS: Final = (
    "list-id",
    "list-help",
    "list-subscribe",
    "list-unsubscribe",
    "list-post",
    "list-owner",
    "list-archive",
    "x-auto-response-suppress",
)
_machine = re.compile(
    r"(?:mailer-daemon|listserv|majordomo|noreply|no-reply|donotreply|do-not-reply|nobody|owner-.*|.*-owner"
    r"|.*-request|.*-bounces?)(?:[+=].*)?",
    re.IGNORECASE,
)


def _check(call: Call, checker: Checker) -> None:
    sender = call.tag_text("from")
    if sender is not None and sender.constant is not None and not _from_address(sender.constant):
        checker.mistake(sender.place, f':from "{sender.source[:60]}" is no mail address')


def _from_address(text: str) -> str:
    found = addresses(text.encode("utf-8", "replace"))
    return str(found[0]) if len(found) == 1 and is_address(str(found[0])) else ""


def _own_addresses(run: Run, call: Call) -> set[str]:
    """The owner's addresses in lower case; the recipient's also without its detail."""
    environment = run.environment
    own = {run.envelope.recipient, *environment.own_addresses, *run.expand_all(call.tag_texts("addresses"))}
    local_part, _, domain = run.envelope.recipient.rpartition("@")
    own.add(f"{local_part.partition(environment.separator)[0]}@{domain}")
    return {address.lower() for address in own if address}


def _may_answer(run: Run, own: set[str]) -> bool:
    message, sender = run.message, run.envelope.sender
    if not is_address(sender) or sender.lower() in own or _machine.fullmatch(sender.rpartition("@")[0]):
        return False
    if any(message.fields(name) for name in _LIST_FIELDS):
        return False
    if any(value.partition(";")[0].strip().lower() != "no" for value in message.values("auto-submitted")):
        return False
    if any(value.lower() in ("bulk", "list", "junk") for value in message.values("precedence")):
        return False
    raw_values = [field.raw_value for name in _TO_FIELDS for field in message.fields(name)]
    run.spend(10 * sum(map(len, raw_values)))
    return any(str(address).lower() in own for raw_value in raw_values for address in addresses(raw_value))


def _seconds(run: Run, call: Call) -> int:
    seconds = call.tag_number("seconds")
    if seconds is None:
        days = call.tag_number("days")
        seconds = max(1, _USUAL_DAYS if days is None else days) * _DAY
    return min(seconds, run.limits.vacation_days * _DAY)


def _vacation(run: Run, call: Call) -> None:
    sender, reason = run.envelope.sender, call.text(0)
    subject, author = call.tag_text("subject"), call.tag_text("from")
    handle = call.tag_text("handle")
    run.spend_on_header()
    own = _own_addresses(run, call)
    if not _may_answer(run, own):
        return
    if handle is not None:
        identity = ["handle", run.expand(handle)]
    else:  # as written, without variables (section 4.2)
        parts = (subject, author, reason)
        identity = ["text", *("" if part is None else "=" + part.source for part in parts), str("mime" in call.tags)]
    key = "v" + hashed(sender.lower(), *identity)
    seconds = _seconds(run, call)
    if seconds and run.environment.is_remembered(key):
        return
    reply = Reply(
        author=(run.expand(author) if author is not None else "") or run.envelope.recipient,
        recipient=sender,
        subject=run.expand(subject) if subject is not None else "",
        reason=run.expand(reason),
        is_mime="mime" in call.tags,
    )
    if not _from_address(reply.author):
        return
    run.add(Answer(sender, write_reply(reply, run.message, run.environment.now_seconds)))
    if seconds:
        run.remember(key, seconds)


WORDS = (
    Word(
        "vacation",
        "5230 4",
        ("vacation", "vacation-seconds"),
        (
            Tag("days", Kind.NUMBER, group="time"),
            Tag("seconds", Kind.NUMBER, "vacation-seconds", "time"),
            Tag("subject", Kind.STRING),
            Tag("from", Kind.STRING),
            Tag("addresses", Kind.STRINGS),
            Tag("mime"),
            Tag("handle", Kind.STRING),
        ),
        ((Kind.STRING,),),
        act=_vacation,
        check=_check,
    ),
)
