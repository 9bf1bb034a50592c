"""Flag changes over whole blocks, with few different sets of flags and with more than an octet can number."""

from __future__ import annotations

from array import array

import pytest

from pillarbox.mail.flags import SEEN, FlagAction
from pillarbox.store.contract import NewMessage
from tests.contracts.letters import DATE, letter
from tests.store.conftest import ANNA, OpenStore

KEYWORDS = [f"k{number}" for number in range(9)]


@pytest.mark.parametrize("kinds", [5, 400])
async def test_each_message_gets_what_its_own_flags_become(opening: OpenStore, kinds: int) -> None:
    account = await (await opening()).open(ANNA)
    inbox = (await account.find("INBOX")).id
    before = [
        frozenset(name for place, name in enumerate(KEYWORDS) if number % kinds >> place & 1) for number in range(600)
    ]
    await account.append(inbox, [NewMessage(letter("x"), DATE, flags) for flags in before])
    uids = array("I", range(1, 601))
    added = await account.store_flags(inbox, uids, FlagAction.ADD, frozenset({SEEN, "k0"}))
    image = await account.image(inbox)
    assert list(added.changed) == list(uids)
    assert [flags.names for flags in image.flags] == [flags | {SEEN, "k0"} for flags in before]
    assert (await account.status(inbox)).unseen == 0
    await account.store_flags(inbox, uids[:200], FlagAction.REMOVE, frozenset({SEEN}))
    assert (await account.status(inbox)).unseen == 200
    await account.close()
