"""Tokens for URLs: which mailboxes have a key, and what a key vouches for (RFC 4467 section 3 and 5).

A key of a mailbox is a property of it, so it goes with the mailbox when that is deleted, and stays with it when it is
renamed. A token is an octet that names the algorithm, then HMAC-SHA256 over the URL up to the token, octet by octet.

Must never: show a key; compare tokens other than in constant time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from pillarbox.mail.errors import MailboxMissing
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountStore, MailboxId

_PREFIX: Final = "urlauth/"
_INTERNAL: Final = _PREFIX + "internal/"
"""Then a name by chance: when two sessions make the first key of a mailbox at the same time, there are two, and what
either of them vouched for stays good."""
_KEY_BYTES: Final = 32
_ALGORITHM: Final = "01"
"""HMAC-SHA256. RFC 4467 section 3 wants one octet that tells algorithms apart."""


def token_of(key: Secret[bytes], rump: str) -> str:
    """The token (enc-urlauth, lower case) for a URL up to it."""
    return _ALGORITHM + hmac.new(key.reveal(), rump.encode("utf-8"), hashlib.sha256).hexdigest()


def is_token_of(keys: Sequence[Secret[bytes]], rump: str, token: str) -> bool:
    """Whether `token` was made with one of these keys for this URL."""
    given = token.encode("ascii")
    return sum(hmac.compare_digest(token_of(key, rump).encode("ascii"), given) for key in keys) > 0


def decoy_key() -> Secret[bytes]:
    """A key that vouches for nothing: so that where there is none, the same work is done."""
    return Secret(secrets.token_bytes(_KEY_BYTES))


async def keys_of(account: AccountStore, mailbox: MailboxId) -> list[Secret[bytes]]:
    """The keys of a mailbox: none, one, or hardly ever more. Raises MailboxMissing."""
    kept = await account.properties(mailbox, _INTERNAL)
    return [Secret(kept[name]) for name in sorted(kept)]


async def key_for(account: AccountStore, mailbox: MailboxId) -> Secret[bytes]:
    """A key of a mailbox, made when there is none. Raises MailboxMissing."""
    for key in await keys_of(account, mailbox):
        return key
    return await _add_key(account, mailbox, {})


async def renew_key(account: AccountStore, mailbox: MailboxId) -> None:
    """A new key: what the old one vouched for is good no more. Raises MailboxMissing."""
    await _add_key(account, mailbox, dict.fromkeys(await account.properties(mailbox, _INTERNAL)))


async def _add_key(account: AccountStore, mailbox: MailboxId, gone: Mapping[str, None]) -> Secret[bytes]:
    key = secrets.token_bytes(_KEY_BYTES)
    await account.set_properties(mailbox, {**gone, _INTERNAL + secrets.token_hex(8): key})
    return Secret(key)


async def remove_keys(account: AccountStore) -> None:
    """Remove the keys of all mailboxes."""
    for mailbox, values in (await account.all_properties(_PREFIX)).items():
        with contextlib.suppress(MailboxMissing):  # deleted meanwhile, and its keys with it
            await account.set_properties(mailbox, dict.fromkeys(values))
