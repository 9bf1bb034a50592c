"""Whose mail is it: from an address to accounts.

Must never: tell apart towards a sender why an address leads nowhere.

RFC 5321 section 2.4 leaves the case of the local part to us: it does not matter here, as with login names.
RFC 5233 names the parts of `user+detail`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pillarbox.auth.directory import Account
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.delivery.settings import DeliverySettings
from pillarbox.store.contract import AccountId


class Directory(Protocol):
    """What auth.directory.AccountDirectory knows of names. Methods raise DirectoryUnavailable."""

    def find(self, login_name: str) -> Account | None: ...

    def aliased(self, address: str) -> Sequence[Account]: ...


@dataclass(frozen=True, slots=True)
class Addressee:
    """One account that a message goes to."""

    account: AccountId
    login_name: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted recipient of a message."""

    address: str
    """As it was given."""
    detail: str
    """Behind the separator; empty when there is none."""
    addressees: tuple[Addressee, ...]
    """At least one; several behind an alias."""


class AddressBook:
    """Looks addresses up."""

    def __init__(self, directory: Directory, settings: DeliverySettings) -> None:
        self._directory = directory
        self._domains = frozenset(domain.lower() for domain in settings.domains)
        self._separators = frozenset(settings.separator)

    def find(self, address: str) -> Recipient | None:
        """Who gets mail for `local@domain` or `local` (the local part without quotes). None: nobody.

        The first that is there: the whole local part, then what stands before the separator; each as an alias and as
        an account, with its domain and without; last the catch-all of the domain and of everything. So an alias that
        has an account's name comes before the account, and may lead to it and others. Raises DirectoryUnavailable.
        """
        local, _, domain = address.rpartition("@") if "@" in address else (address, "", "")
        for base, detail in self._splits(local):
            for name in self._names(base, domain.lower()):
                if found := self._named(name):
                    return Recipient(address, detail, found)
        for catch_all in (f"@{domain.lower()}", "@") if self._is_ours(domain) else (f"@{domain.lower()}",):
            if found := _addressees(self._directory.aliased(catch_all)):
                return Recipient(address, "", found)
        return None

    def _splits(self, local: str) -> Iterator[tuple[str, str]]:
        yield local, ""
        at = next((index for index, character in enumerate(local) if character in self._separators), 0)
        if at:
            yield local[:at], local[at + 1 :]

    def _names(self, base: str, domain: str) -> Iterator[str]:
        candidates = [f"{base}@{domain}"] if domain else []
        if self._is_ours(domain):
            candidates.append(base)
        for candidate in candidates:
            try:
                yield prepare_login_name(candidate)
            except LoginNameInvalid:
                continue

    def _is_ours(self, domain: str) -> bool:
        return not self._domains or not domain or domain.lower() in self._domains

    def _named(self, name: str) -> tuple[Addressee, ...]:
        if found := _addressees(self._directory.aliased(name)):
            return found
        account = self._directory.find(name)
        return () if account is None else _addressees([account])


def _addressees(accounts: Sequence[Account]) -> tuple[Addressee, ...]:
    return tuple(Addressee(account.id, account.login_name) for account in accounts)
