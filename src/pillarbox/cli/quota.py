"""`pillarbox quota ...`: how much accounts may keep, and how much they keep (docs/operate.md).

Must never: change mail.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, accounts, everybodys_mail, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table, size_text
from pillarbox.cli.witness import witness
from pillarbox.store.contract import Quota
from pillarbox.store.quota import MAILBOX, MAX_LIMIT, MESSAGE, PROPERTY_PREFIX, RESOURCES, STORAGE, UNLIMITED

_SIZE: Final = re.compile(r"([0-9]{1,15})([KMGT]?)", re.IGNORECASE)
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_HERE: Final = Place()


def show(
    *,
    user: Annotated[str | None, Parameter(help="Of this account only.")] = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """What accounts keep and may keep."""
    if user is None:
        place.check()
        with accounts(place) as directory:
            everybody = list(directory.accounts())
    else:
        everybody = [account_named(place, user)]
    quotas = asyncio.run(_quotas(place, everybody))
    if json:
        say_json([_told(account, quota) for account, quota in zip(everybody, quotas, strict=True)])
        return
    say_table(
        ("account", "resource", "used", "limit", "full"),
        [
            (account.login_name, resource, _amount(resource, quota.usage.of(resource)), *_limit_cells(resource, quota))
            for account, quota in zip(everybody, quotas, strict=True)
            for resource in RESOURCES
        ],
    )


def change(
    *,
    user: Annotated[str, Parameter(help="Whose.")],
    storage: Annotated[str | None, Parameter(help="500M, 20G, `none`, or `default`.")] = None,
    messages: Annotated[str | None, Parameter(help="A number, `none`, or `default`.")] = None,
    mailboxes: Annotated[str | None, Parameter(help="A number, `none`, or `default`; INBOX counts.")] = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Change the limits that are named; the others stay."""
    typed = {STORAGE: storage, MESSAGE: messages, MAILBOX: mailboxes}
    values = {PROPERTY_PREFIX + resource: _kept(resource, text) for resource, text in typed.items() if text is not None}
    if not values:
        raise CommandFailed("say what to limit: --storage, --messages or --mailboxes", ExitCode.USAGE)
    account = account_named(place, user)
    quota = asyncio.run(_set(place, account, values))
    limits = {resource.lower(): text for resource, text in typed.items() if text is not None}
    witness(place).info("quota.changed", login=account.login_name, **limits)
    if json:
        say_json(_told(account, quota))
        return
    for resource in RESOURCES:
        used, (limit, _) = _amount(resource, quota.usage.of(resource)), _limit_cells(resource, quota)
        say(f"{account.login_name} {resource}: {used} of {limit}")


async def _quotas(place: Place, everybody: Sequence[Account]) -> list[Quota]:
    quotas = []
    async with everybodys_mail(place) as store:
        for account in everybody:
            opened = await store.open(account.id)
            try:
                quotas.append(await opened.quota())
            finally:
                await opened.close()
    return quotas


async def _set(place: Place, account: Account, values: dict[str, bytes | None]) -> Quota:
    async with mail_of(place, account) as mail:
        await mail.set_properties(None, values)
        return await mail.quota()


def _kept(resource: str, text: str) -> bytes | None:
    """A limit as it is kept, in the units of RFC 9208; None for the server's default. Raises CommandFailed."""
    if text.lower() in ("none", "default"):
        return UNLIMITED if text.lower() == "none" else None
    found = _SIZE.fullmatch(text)
    if found is None or (found[2] and resource != STORAGE):
        example = "a size such as 500M or 20G" if resource == STORAGE else "a number"
        raise CommandFailed(f'"{text}" is no limit: give {example}, none, or default', ExitCode.USAGE)
    number = int(found[1])
    if resource == STORAGE:
        number = (number << _UNITS[found[2].upper()]) >> 10
    return str(min(number, MAX_LIMIT)).encode("ascii")


def _told(account: Account, quota: Quota) -> dict[str, object]:
    return {
        "name": account.login_name,
        **{resource: {"used": quota.usage.of(resource), "limit": quota.limits.get(resource)} for resource in RESOURCES},
    }


def _amount(resource: str, number: int) -> str:
    return size_text(number * 1024) if resource == STORAGE else str(number)


def _limit_cells(resource: str, quota: Quota) -> tuple[str, str]:
    """The limit and how far it is used up."""
    limit = quota.limits.get(resource)
    if limit is None:
        return "none", ""
    return _amount(resource, limit), f"{quota.usage.of(resource) * 100 // limit} %" if limit else "100 %"
