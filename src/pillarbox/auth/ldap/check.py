"""Judges passwords by binding as the person (RFC 4513 section 5.1.3).

A name that nobody has costs what any other does: the same search, then a bind that can't succeed.

Must never: bind without a password; tell from which step a no came.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Final

from pillarbox.auth.ldap.address import AddressInvalid, client_context, parse_address
from pillarbox.auth.ldap.connection import LdapConnection, LdapHungUp, LdapTrouble
from pillarbox.auth.ldap.filters import DnTemplate, FilterInvalid, FilterTemplate
from pillarbox.auth.ldap.messages import Entry, ResultCode, Scope
from pillarbox.auth.ldap.pool import LdapPool
from pillarbox.auth.ldap.settings import LdapSettings
from pillarbox.auth.password_check import Accepted, AdminRight, CheckUnavailable, Rejected
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.secret import Secret

_ANYTHING: Final = "(objectClass=*)"
_MEMBER: Final = "(|(member={dn})(uniqueMember={dn})(memberUid={login}))"
_WRONG: Final = frozenset(
    {
        ResultCode.INVALID_CREDENTIALS,
        ResultCode.NO_SUCH_OBJECT,
        ResultCode.INAPPROPRIATE_AUTHENTICATION,
        ResultCode.INVALID_DN_SYNTAX,
        ResultCode.INSUFFICIENT_ACCESS,
    }
)
_LOCKED: Final = frozenset({ResultCode.UNWILLING_TO_PERFORM, ResultCode.CONSTRAINT_VIOLATION})
"""What directories say for entries that may not bind now (389 DS; password policies)."""


class LdapUnusable(ValueError):
    """The settings can't be used; the text is for the operator."""


class LdapCheck:
    """The PasswordCheck of a directory."""

    def __init__(self, settings: LdapSettings, clock: Clock, events: EventLog) -> None:
        """Reads files, asks nobody. Raises LdapUnusable."""
        self._settings = settings
        self._events = events
        try:
            addresses = [parse_address(text, settings.encryption) for text in settings.servers]
            self._user_dn = DnTemplate(settings.user_dn) if settings.user_dn else None
            self._person = FilterTemplate(_ANYTHING if self._user_dn else settings.filter)
            self._disabled = FilterTemplate(settings.disabled_filter) if settings.disabled_filter else None
            self._member = FilterTemplate(_MEMBER)
            tls = client_context(settings.ca_file)
            self._service = _service_account(settings)
        except (AddressInvalid, FilterInvalid) as error:
            raise LdapUnusable(str(error)) from error
        except OSError as error:
            raise LdapUnusable(f"{error.filename or settings.ca_file}: {error.strerror}") from error
        if not addresses:
            raise LdapUnusable("auth.ldap.servers names no server, such as ldaps://ldap.example.org")
        if self._user_dn is None and not settings.base:
            raise LdapUnusable("auth.ldap.base is needed, such as ou=people,dc=example,dc=org; or auth.ldap.user_dn")
        self._searching = LdapPool(addresses, tls, settings.timeout_seconds, clock, self._be_service)
        self._binding = LdapPool(addresses, tls, settings.timeout_seconds, clock)

    @property
    def remember_seconds(self) -> int:
        return self._settings.remember_seconds

    @property
    def at_once(self) -> int:
        return self._settings.connections

    async def judge(self, login_name: str, password: Secret[bytes]) -> Accepted | Rejected:
        """password_check.PasswordCheck.judge"""
        local, _, domain = login_name.partition("@")
        values = {"login": login_name.encode(), "local": local.encode(), "domain": domain.encode()}
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                try:
                    return await self._judge(values, password)
                except LdapHungUp:  # such as on connections that were kept while it was started anew
                    await self.close()
                    return await self._judge(values, password)
        except TimeoutError:
            raise CheckUnavailable("the directory does not answer in time") from None
        except LdapTrouble as error:
            raise CheckUnavailable(str(error)) from error

    async def close(self) -> None:
        """password_check.PasswordCheck.close"""
        self._searching.close()
        self._binding.close()

    async def _judge(self, values: dict[str, bytes], password: Secret[bytes]) -> Accepted | Rejected:
        if self._user_dn is None:
            return await self._find_and_bind(values, password)
        return await self._bind_at_once(self._user_dn.fill(values), values, password)

    async def _find_and_bind(self, values: dict[str, bytes], password: Secret[bytes]) -> Accepted | Rejected:
        async with self._searching.connection() as searching:
            base = self._settings.base.encode()
            found = await searching.search(base, Scope.SUBTREE, self._person.fill(values), self._attributes())
            if len(found) > 1:
                self._events.warning("ldap.ambiguous", login=values["login"].decode(), dn=_text(found[0].dn))
            entry = found[0] if len(found) == 1 and found[0].dn else None
            async with self._binding.connection() as binding:
                verdict = await self._bound(binding, self._decoy() if entry is None else entry.dn, password)
            if entry is None or verdict is not None:
                return verdict or Rejected.WRONG
            return await self._accepted(searching, entry, values)

    async def _bind_at_once(self, dn: bytes, values: dict[str, bytes], password: Secret[bytes]) -> Accepted | Rejected:
        """Without a search before: the person itself is asked about its entry."""
        async with self._binding.connection() as connection:
            verdict = await self._bound(connection, dn, password)
            if verdict is not None:
                return verdict
            found = await connection.search(dn, Scope.BASE, self._person.fill(values), self._attributes())
            if not found and self._disabled is not None:  # then the filter could fit nobody
                raise LdapTrouble(
                    f"{_text(dn)} may not read its own entry, which auth.ldap.disabled_filter looks at: let it (by "
                    "self read), or search with auth.ldap.base, filter and bind_dn instead of user_dn"
                )
            entry = found[0] if len(found) == 1 else Entry(0, dn, {})  # some directories let nobody read its own
            return await self._accepted(connection, entry, values)

    async def _bound(self, connection: LdapConnection, dn: bytes, password: Secret[bytes]) -> Rejected | None:
        """None when the password is that of the entry."""
        result = await connection.bind(dn, password)
        if result.code == ResultCode.SUCCESS:
            return None
        if result.code in _WRONG:
            return Rejected.WRONG
        if result.code in _LOCKED:
            return Rejected.DISABLED
        raise LdapTrouble(f"the directory did not judge a password: result {result.code} {result.text}".rstrip())

    async def _accepted(
        self, connection: LdapConnection, entry: Entry, values: dict[str, bytes]
    ) -> Accepted | Rejected:
        known = values | {"dn": entry.dn}
        if self._disabled is not None and await _fits(connection, entry.dn, self._disabled, known):
            return Rejected.DISABLED
        name = self._name_of(entry, values["login"].decode())
        if not self._settings.admin_group:
            return Accepted(name)
        group = self._settings.admin_group.encode()
        is_admin = await _fits(connection, group, self._member, known)
        return Accepted(name, AdminRight.GIVEN if is_admin else AdminRight.TAKEN)

    def _name_of(self, entry: Entry, typed: str) -> str:
        """The account's name; of several values the first by the alphabet, whichever was typed."""
        wanted = self._settings.name_attribute.lower()
        if not wanted:
            return typed
        names = [_text(value) for value in entry.attributes.get(wanted, ())]
        if not names:
            raise LdapTrouble(f"{_text(entry.dn)} has no attribute {wanted} that can be read")
        return min(names, key=str.casefold)

    def _attributes(self) -> Sequence[str]:
        return (self._settings.name_attribute,) if self._settings.name_attribute else ()

    def _decoy(self) -> bytes:
        """An entry that no password opens."""
        if self._settings.decoy_dn:
            return self._settings.decoy_dn.encode()
        return f"cn={os.urandom(8).hex()},{self._settings.base}".encode()

    async def _be_service(self, connection: LdapConnection) -> None:
        """A directory may let nobody search, or everybody: an anonymous connection needs no bind."""
        dn, password = self._service
        if not dn:
            return
        result = await connection.bind(dn, password)
        if result.code != ResultCode.SUCCESS:
            raise LdapTrouble(f"the directory does not let {_text(dn)} in: result {result.code} {result.text}".rstrip())


async def _fits(connection: LdapConnection, dn: bytes, condition: FilterTemplate, values: Mapping[str, bytes]) -> bool:
    return bool(await connection.search(dn, Scope.BASE, condition.fill(values), ()))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _service_account(settings: LdapSettings) -> tuple[bytes, Secret[bytes]]:
    if not settings.bind_dn:
        return b"", Secret(b"")
    if settings.bind_password_file is None:
        raise LdapUnusable("auth.ldap.bind_dn needs auth.ldap.bind_password_file, a file with its password")
    if settings.bind_password_file.stat().st_mode & 0o007:
        raise LdapUnusable(f"everybody can read {settings.bind_password_file}; type: chmod 640 on it")
    password = settings.bind_password_file.read_bytes().rstrip(b"\r\n")
    if not password:
        raise LdapUnusable(f"{settings.bind_password_file} is empty; it holds the password of {settings.bind_dn}")
    return settings.bind_dn.encode(), Secret(password)
