"""Changes to the list of mailboxes, as functions over a transaction.

RFC 9051 sections 6.3.4 to 6.3.8, RFC 6154. Must never: look at anything read before the transaction began.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

from pillarbox.mail.errors import LimitReached, MailboxExists, NameInvalid, NotAllowed
from pillarbox.mail.names import INBOX, check_new_name
from pillarbox.store import naming
from pillarbox.store.contract import Departure, Mailbox, MailboxId, NewAccount
from pillarbox.store.sqlite.departed import remember
from pillarbox.store.sqlite.messages import move_all
from pillarbox.store.sqlite.transaction import MailboxRow, Transaction

ACCOUNT: Final = 0
"""Stands for the account itself where properties name their mailbox."""

_SET_PROPERTY: Final = """
INSERT INTO property VALUES (?, ?, ?)
ON CONFLICT (mailbox, name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value
"""
_COUNT_PROPERTIES: Final = "SELECT count(*), coalesce(sum(length(CAST(name AS BLOB)) + length(value)), 0) FROM property"


def found(transaction: Transaction, new_account: NewAccount) -> None:
    """Make INBOX and its company when it is not there: the account is new."""
    if INBOX in transaction.names():
        return
    transaction.make_mailbox(INBOX, frozenset())
    most = transaction.limits.quota.mailboxes
    for name, special_use in new_account.named_uses()[: None if most is None else max(0, most - 1)]:
        with contextlib.suppress(LimitReached, MailboxExists, NameInvalid):
            transaction.make_mailbox(name, special_use)
            subscribe(transaction, name)


def create(transaction: Transaction, name: str, special_use: frozenset[str]) -> Mailbox:
    """contract.AccountStore.create"""
    return transaction.make_mailbox(name, special_use).mailbox()


def delete(transaction: Transaction, name: str) -> None:
    """contract.AccountStore.delete"""
    if name == INBOX:
        raise NotAllowed("INBOX can't be deleted")
    names = transaction.names()
    if name not in names:
        raise naming.absent(name, names)
    _drop(transaction, transaction.named(name))


def delete_all(transaction: Transaction) -> None:
    """Delete every mailbox, INBOX too: the account goes."""
    for mailbox in transaction.names().values():
        _drop(transaction, transaction.mailbox(mailbox))


def rename(transaction: Transaction, old: str, new: str) -> None:
    """contract.AccountStore.rename"""
    names = transaction.names()
    if old == INBOX:
        naming.check_rename_inbox(new, names, transaction.limits)
        inbox, made = transaction.named(INBOX), transaction.make_mailbox(new, frozenset())
        move_all(transaction, inbox, made)
        prefix = naming.SHARED_BY_BOTH_INBOXES
        transaction.connection.execute(
            "INSERT INTO property SELECT ?, name, value FROM property WHERE mailbox = ? AND substr(name, 1, ?) = ?",
            (made.id, inbox.id, len(prefix), prefix),
        )
        return
    for before, after in naming.plan_rename(old, new, names, transaction.limits).items():
        row = transaction.named(before)
        row.name = after
        transaction.touched.add(row.id)
    transaction.stamp()


def set_special_use(transaction: Transaction, name: str, special_use: frozenset[str]) -> None:
    """contract.AccountStore.set_special_use"""
    row = transaction.named(name)
    if row.mailbox().special_use != special_use:
        row.special_use = " ".join(sorted(special_use))
        transaction.stamp()
        transaction.touched.add(row.id)


def subscribe(transaction: Transaction, name: str) -> None:
    """contract.AccountStore.subscribe"""
    check_new_name(name, transaction.limits.name)
    subscribed = {known for (known,) in transaction.connection.execute("SELECT name FROM subscription")}
    if name in subscribed:
        return
    if len(subscribed) >= transaction.limits.max_mailboxes:
        raise LimitReached(f"An account can have {transaction.limits.max_mailboxes} subscriptions at most")
    transaction.connection.execute("INSERT INTO subscription VALUES (?)", (name,))
    transaction.stamp()


def unsubscribe(transaction: Transaction, name: str) -> None:
    """contract.AccountStore.unsubscribe"""
    transaction.connection.execute("DELETE FROM subscription WHERE name = ?", (name,))
    if transaction.connection.changes():
        transaction.stamp()


def set_properties(transaction: Transaction, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
    """contract.AccountStore.set_properties"""
    if mailbox is not None:
        transaction.mailbox(mailbox)
    owner, connection, limits = mailbox or ACCOUNT, transaction.connection, transaction.limits
    for name, value in values.items():
        naming.check_property(name, value, limits)
        if value is None:
            connection.execute("DELETE FROM property WHERE mailbox = ? AND name = ?", (owner, name))
        else:
            connection.execute(_SET_PROPERTY, (owner, name, value))
        if connection.changes():
            transaction.stamp()
            transaction.touched.add(owner)
    count, size_bytes = connection.execute(_COUNT_PROPERTIES).get
    naming.check_properties(count, size_bytes, limits)


def _drop(transaction: Transaction, row: MailboxRow) -> None:
    for block in transaction.blocks.all(row.id):
        remember(transaction, row, transaction.blocks.rows(block), Departure.EXPUNGED)
    transaction.blocks.remove_all(row.id)
    transaction.connection.execute("DELETE FROM vanished WHERE mailbox = ?", (row.id,))
    transaction.connection.execute("DELETE FROM property WHERE mailbox = ?", (row.id,))
    transaction.connection.execute("DELETE FROM answer WHERE mailbox = ?", (row.id,))
    transaction.connection.execute("DELETE FROM mailbox WHERE id = ?", (row.id,))
    transaction.stamp(row)
    transaction.forget_mailbox(row.id)
