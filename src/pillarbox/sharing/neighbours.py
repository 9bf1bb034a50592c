"""Who lives here: what the layer must know of people and groups, whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pillarbox.sharing.acl import ANYONE
from pillarbox.store.contract import AccountId

SHARED_ACCOUNT: Final = AccountId("shared-folders")
"""Holds the mailboxes that belong to nobody. No account of a person has such an id; nobody logs in to it."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who shares mailboxes."""

    account: AccountId
    login_name: str
    """Empty for SHARED_ACCOUNT."""


class Neighbours(Protocol):
    """People, the groups that they are in, and who has ever shared something with whom."""

    async def identifiers(self, login_name: str) -> frozenset[str]:
        """All identifiers that stand for this person: the name, the groups, anyone. As of now, every time.

        Raises StoreUnavailable, as all of these do.
        """
        ...

    async def sharing_with(self, login_name: str) -> Sequence[Owner]:
        """Those who have noted one of the person's identifiers, by name. They may share nothing any more: only a hint
        where to look. Accounts that are gone are left out, and so is the person."""
        ...

    async def note(self, owner: AccountId, identifier: str) -> None:
        """Remember that `owner` is about to share something with `identifier`. Raises LimitReached when it was too many
        by now."""
        ...


class Nobody:
    """Neighbours where nobody shares anything."""

    async def identifiers(self, login_name: str) -> frozenset[str]:
        return frozenset({login_name, ANYONE})

    async def sharing_with(self, login_name: str) -> Sequence[Owner]:
        return ()

    async def note(self, owner: AccountId, identifier: str) -> None:
        pass
