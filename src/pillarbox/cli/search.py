"""`pillarbox search ...`: how far the index of texts is, and how a search goes.

Must never: change mail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts, everybodys_mail, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table, size_text
from pillarbox.clock import SystemClock
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.search_corpus import ViewCorpus
from pillarbox.imap.search_keys import KeyReader
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import RawCommand
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.uids import UidSet
from pillarbox.search import query as q
from pillarbox.search.evaluate import matching_rows
from pillarbox.search.fuzzy import Fuzzy
from pillarbox.search.narrow import Step
from pillarbox.store.contract import TextIndexState


def status(
    *,
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """How far the index of each account has come, and which attachments were read."""
    place.check()
    with accounts(place) as directory:
        everybody = list(directory.accounts())
    states = asyncio.run(_states(place, everybody))
    if json:
        say_json(
            [
                {
                    "name": account.login_name,
                    "indexed": state.indexed,
                    "waiting": state.waiting,
                    "always_read": state.always_read,
                    "total": state.indexed + state.waiting + state.always_read,
                    "size_bytes": state.size_bytes,
                    "attachments": {
                        "read": state.attachments_read,
                        "unreadable": state.attachments_unreadable,
                        "waiting": state.attachments_waiting,
                    },
                }
                for account, state in zip(everybody, states, strict=True)
            ]
        )
        return
    say_table(
        ("account", "indexed", "waiting", "always read", "size", "attachments read", "unreadable", "waiting"),
        [
            (
                account.login_name,
                state.indexed,
                state.waiting,
                state.always_read,
                size_text(state.size_bytes),
                state.attachments_read,
                state.attachments_unreadable,
                state.attachments_waiting,
            )
            for account, state in zip(everybody, states, strict=True)
        ],
    )


async def _states(place: Place, everybody: Sequence[Account]) -> list[TextIndexState]:
    states = []
    async with everybodys_mail(place) as store:
        for account in everybody:
            opened = await store.open(account.id)
            try:
                states.append(await opened.text_index_state())
            finally:
                await opened.close()
    return states


@dataclass(frozen=True, slots=True)
class _Explained:
    steps: list[Step]
    messages: int
    found: int
    milliseconds: float


def explain(
    criteria: Annotated[str, Parameter(name="CRITERIA", help="As after SEARCH: 'UNSEEN BODY lantern'.")],
    *,
    user: Annotated[str, Parameter(help="Whose mail.")],
    mailbox: Annotated[str, Parameter(help="Which mailbox.")] = "INBOX",
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Carry out a search and tell each step."""
    account = account_named(place, user)
    explained = asyncio.run(_explain(place, account, mailbox, _read(place, criteria)))
    rows = [(words_of(step.asked), step.how, step.rows, step.certain, step.possible) for step in explained.steps]
    if json:
        names = ("key", "how", "asked", "certain", "possible")
        say_json(
            {
                "messages": explained.messages,
                "found": explained.found,
                "milliseconds": round(explained.milliseconds, 1),
                "steps": [dict(zip(names, row, strict=True)) for row in rows],
            }
        )
        return
    say_table(("key", "how", "asked about", "certain", "possible"), rows)
    say(f"found {explained.found} of {explained.messages} in {explained.milliseconds:.1f} ms")


def _read(place: Place, criteria: str) -> q.Query:
    typed = RawCommand((criteria.encode("utf-8", "surrogateescape"),), ())
    try:
        return KeyReader(Cursor(typed), place.settings().imap).program().query
    except Refused as error:
        raise CommandFailed("FILTER can't be explained; write what the filter holds instead", ExitCode.USAGE) from error
    except BadSyntax as error:
        raise CommandFailed(f'"{criteria}" is no search: {error}', ExitCode.USAGE) from error


async def _explain(place: Place, account: Account, mailbox: str, query: q.Query) -> _Explained:
    steps: list[Step] = []
    async with mail_of(place, account) as mail:
        try:
            image = await mail.image((await mail.find(mailbox)).id)
        except MailboxMissing as error:
            raise CommandFailed(f"there is no mailbox {mailbox}", ExitCode.NO_INPUT) from error
        view = View(image, lambda: None, read_only=True, first_recent_uid=image.uidnext)
        corpus = ViewCorpus(view, mail, UidSet(()), int(SystemClock().now_seconds()))
        begun = time.perf_counter()
        found = await matching_rows(query, corpus, steps.append)
        return _Explained(steps, view.count, len(found), (time.perf_counter() - begun) * 1_000)


def words_of(query: q.Query) -> str:
    """A query in the words of SEARCH."""
    match query:
        case q.And(terms):
            return " ".join(map(_inner, terms)) or "ALL"
        case q.Or(terms):
            return " or ".join(map(_inner, terms)) or "NOT ALL"
        case q.Not(term):
            return "NOT " + _inner(term)
        case q.Header(name, text) | q.Address(name, text):
            known = isinstance(query, q.Address) or name == "Subject"
            return f'{name.upper() if known else f"HEADER {name}"} "{_short(text)}"'
        case q.Body(text) | q.Text(text):
            return f'{type(query).__name__.upper()} "{_short(text)}"'
        case Fuzzy(where, text):
            return f'FUZZY {where.name} "{_short(text)}"'
        case q.HasFlag(name):
            return f"KEYWORD {name}"
        case q.Uids(ranges) | q.Numbers(ranges):
            ends = ",".join(f"{low or '*'}:{high or '*'}" for low, high in ranges)
            return f"UID {ends}" if isinstance(query, q.Uids) else ends
        case q.All() | q.Recent() | q.Saved():
            return type(query).__name__.upper()
        case _:
            fields = [getattr(query, name) for name in query.__dataclass_fields__]
            return " ".join([type(query).__name__.upper(), *(str(value) for value in fields if value != "")])


def _inner(query: q.Query) -> str:
    return f"({words_of(query)})" if isinstance(query, q.And | q.Or) else words_of(query)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."
