"""How much one account may keep: limits, how much it keeps, and the rule that all backends apply (RFC 9208).

The limits of all accounts are settings; those of one account are its properties `quota/<RESOURCE>`: a number in the
units of RFC 9208 section 5, or `none`. A change that makes an account keep more of something than it may is refused
whole; one that makes it keep less, or as much, never is, however far the limit was passed before.

Must never: look at anything but what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pillarbox.mail.errors import OverQuota

STORAGE: Final = "STORAGE"
"""Bytes of all messages, in units of 1024 (section 5.1)."""
MESSAGE: Final = "MESSAGE"
"""Messages (section 5.2)."""
MAILBOX: Final = "MAILBOX"
"""Mailboxes, INBOX too (section 5.3)."""
RESOURCES: Final = (STORAGE, MESSAGE, MAILBOX)

PROPERTY_PREFIX: Final = "quota/"
UNLIMITED: Final = b"none"
MAX_LIMIT: Final = 2**63 - 1

Limits = Mapping[str, int]
"""Resource -> limit, in the units of RFC 9208. A resource that is not there is not limited."""


@dataclass(frozen=True, slots=True)
class QuotaDefaults:
    """What each account may keep that has no limits of its own (`pillarbox quota set`, SETQUOTA)."""

    storage_mib: int | None = None
    """Of messages, in MiB (1048576 bytes). Left out: not limited."""
    messages: int | None = None
    """In all mailboxes together. Left out: not limited."""
    mailboxes: int | None = None
    """INBOX is one of them. Left out: not limited but by `max_mailboxes`."""
    warn_percent: int = 90
    """From here on a client that stores messages is warned each time; 100 warns nobody."""

    def limits(self) -> dict[str, int]:
        """In the units of RFC 9208."""
        storage_kib = None if self.storage_mib is None else self.storage_mib * 1024
        limits = {STORAGE: storage_kib, MESSAGE: self.messages, MAILBOX: self.mailboxes}
        return {resource: limit for resource, limit in limits.items() if limit is not None}


class Usage(NamedTuple):
    """What an account keeps, in the order of RESOURCES."""

    size_bytes: int
    messages: int
    mailboxes: int

    def of(self, resource: str) -> int:
        """In the units of RFC 9208."""
        return {STORAGE: -(-self.size_bytes // 1024), MESSAGE: self.messages, MAILBOX: self.mailboxes}[resource]


class Quota(NamedTuple):
    """What an account may keep and what it keeps."""

    limits: Limits
    usage: Usage

    def nearly_full(self, percent: int) -> list[str]:
        """The resources of messages of which at least that much is used up; none at 100 or above."""
        if percent >= 100:
            return []
        return [
            resource
            for resource in (STORAGE, MESSAGE)
            if resource in self.limits and self.usage.of(resource) * 100 >= self.limits[resource] * percent
        ]


def limits_of(properties: Mapping[str, bytes], defaults: QuotaDefaults) -> Limits:
    """The limits that hold for an account with these properties. What can't be read counts as not set."""
    limits = defaults.limits()
    for resource in RESOURCES:
        value = properties.get(PROPERTY_PREFIX + resource)
        if value == UNLIMITED:
            limits.pop(resource, None)
        elif value is not None and value.isdigit():
            limits[resource] = min(int(value), MAX_LIMIT)
    return limits


def properties_of(limits: Limits) -> dict[str, bytes | None]:
    """The properties to set so that an account has just these limits, whatever the defaults are."""
    return {
        PROPERTY_PREFIX + resource: str(limits[resource]).encode("ascii") if resource in limits else UNLIMITED
        for resource in RESOURCES
    }


def check_growth(limits: Limits, before: Usage, after: Usage) -> None:
    """Raises OverQuota when an account would keep more than it did of something, and more than it may."""
    for resource, limit in limits.items():
        unit = 1024 if resource == STORAGE else 1
        index = RESOURCES.index(resource)
        if after[index] > max(limit * unit, before[index]):
            raise OverQuota(resource)
