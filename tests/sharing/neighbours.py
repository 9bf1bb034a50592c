"""Neighbours in memory."""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.sharing.acl import ANYONE, GROUP_PREFIX
from pillarbox.sharing.neighbours import SHARED_ACCOUNT, Owner
from pillarbox.store.contract import AccountId


class MemoryNeighbours:
    """sharing.Neighbours; accounts are called as their people are."""

    def __init__(self) -> None:
        self.groups: dict[str, set[str]] = {}
        self.noted: set[tuple[AccountId, str]] = set()

    async def identifiers(self, login_name: str) -> frozenset[str]:
        groups = (GROUP_PREFIX + name for name, members in self.groups.items() if login_name in members)
        return frozenset({login_name, ANYONE, *groups})

    async def sharing_with(self, login_name: str) -> Sequence[Owner]:
        mine = await self.identifiers(login_name)
        owners = sorted({account for account, identifier in self.noted if identifier in mine} - {login_name})
        return [Owner(account, "" if account == SHARED_ACCOUNT else account) for account in owners]

    async def note(self, owner: AccountId, identifier: str) -> None:
        self.noted.add((owner, identifier))
