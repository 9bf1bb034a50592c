"""Tokens for URLs: which mailboxes have a key, and what a key vouches for (RFC 4467 section 3 and 5).

The key of a mailbox is a property of it, so it goes with the mailbox when that is deleted, and stays with it when it is
renamed. A token is an octet that names the algorithm, then HMAC-SHA256 over the URL up to the token, octet by octet.

Must never: show a key; compare tokens other than in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from pillarbox.secret import Secret
from pillarbox.store.contract import AccountStore, MailboxId

_PREFIX: Final = "urlauth/"
_INTERNAL: Final = _PREFIX + "internal"
_KEY_BYTES: Final = 32
_ALGORITHM: Final = "01"
"""HMAC-SHA256. RFC 4467 section 3 wants one octet that tells algorithms apart."""


def token_of(key: Secret[bytes], rump: str) -> str:
    """The token (enc-urlauth, lower case) for a URL up to it."""
    return _ALGORITHM + hmac.new(key.reveal(), rump.encode("utf-8"), hashlib.sha256).hexdigest()


def is_token_of(key: Secret[bytes], rump: str, token: str) -> bool:
    """Whether `token` was made with this key for this URL."""
    return hmac.compare_digest(token_of(key, rump).encode("ascii"), token.encode("ascii"))


def decoy_key() -> Secret[bytes]:
    """A key that vouches for nothing: so that where there is none, the same work is done."""
    return Secret(secrets.token_bytes(_KEY_BYTES))


async def key_of(account: AccountStore, mailbox: MailboxId) -> Secret[bytes] | None:
    """The key of a mailbox, if it has one. Raises MailboxMissing."""
    kept = (await account.properties(mailbox, _PREFIX)).get(_INTERNAL)
    return None if kept is None else Secret(kept)


async def key_for(account: AccountStore, mailbox: MailboxId) -> Secret[bytes]:
    """The key of a mailbox, made when there is none. Raises MailboxMissing."""
    key = await key_of(account, mailbox)
    if key is None:
        await renew_key(account, mailbox)
        key = await key_of(account, mailbox)
    return key or decoy_key()


async def renew_key(account: AccountStore, mailbox: MailboxId) -> None:
    """A new key: what the old one vouched for is good no more. Raises MailboxMissing."""
    await account.set_properties(mailbox, {_INTERNAL: secrets.token_bytes(_KEY_BYTES)})


async def remove_keys(account: AccountStore) -> None:
    """Remove the keys of all mailboxes."""
    for mailbox, values in (await account.all_properties(_PREFIX)).items():
        await account.set_properties(mailbox, dict.fromkeys(values, None))
