"""An account's Sieve scripts, kept as properties of the account: `sieve/script/NAME`, and `sieve/active`.

Must never: keep a script that can't run, or change one that mail is filtered by for one that can't.
RFC 5804 sections 1.4 to 1.6 and 2.5 to 2.11 for what can be done with scripts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillarbox.mail.errors import LimitReached, MailError, NameInvalid
from pillarbox.mail.marks import with_short_runs
from pillarbox.sieve.check import compile_script
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import AccountStore

ACTIVE: Final = "sieve/active"
SCRIPT: Final = "sieve/script/"
_MOST_CHARACTERS: Final = 128
"""Of a name; RFC 5804 section 1.6 wants as many."""


class ScriptMissing(MailError):
    def __init__(self) -> None:
        super().__init__("There is no script of that name")


class ScriptExists(MailError):
    def __init__(self) -> None:
        super().__init__("There is already a script of that name")


class ScriptActive(MailError):
    def __init__(self) -> None:
        super().__init__("That script is active; deactivate it first")


class TooManyScripts(LimitReached):
    """The account has as many as it may have."""


class ScriptTooLarge(LimitReached):
    """The script has more bytes than it may have."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one account has."""

    scripts: Mapping[str, bytes]
    """By name."""
    active: str
    """The name of the one that mail is filtered by; empty when there is none."""


def check_name(name: str) -> str:
    """A name as it is kept. Raises NameInvalid."""
    name = unicodedata.normalize("NFC", with_short_runs(name))
    if not name:
        raise NameInvalid("A script's name can't be empty")
    if len(name) > _MOST_CHARACTERS:
        raise NameInvalid(f"A script's name can have {_MOST_CHARACTERS} characters at most")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise NameInvalid("A script's name can't hold control characters")
    return name


async def active_script(account: AccountStore) -> tuple[str, bytes] | None:
    """Name and text of the script that mail is filtered by."""
    name = (await account.properties(None, ACTIVE)).get(ACTIVE, b"").decode("utf-8", "replace")
    if not name:
        return None
    source = (await account.properties(None, SCRIPT + name)).get(SCRIPT + name)
    return None if source is None else (name, source)


class Scripts:
    """The scripts of one account."""

    def __init__(self, account: AccountStore, limits: SieveLimits) -> None:
        self._account = account
        self._limits = limits

    async def kept(self) -> Kept:
        found = await self._account.properties(None, "sieve/")
        scripts = {name.removeprefix(SCRIPT): text for name, text in sorted(found.items()) if name.startswith(SCRIPT)}
        active = found.get(ACTIVE, b"").decode("utf-8", "replace")
        return Kept(scripts, active if active in scripts else "")

    async def get(self, name: str) -> bytes:
        """Raises ScriptMissing."""
        return _named(await self.kept(), check_name(name))

    async def check_room(self, name: str, size_bytes: int) -> None:
        """Raises TooManyScripts, ScriptTooLarge, NameInvalid when such a script would not be kept."""
        name = check_name(name)
        if size_bytes > self._limits.script_bytes:
            raise ScriptTooLarge(f"A script can have {self._limits.script_bytes} bytes at most")
        kept = (await self.kept()).scripts
        if name not in kept and len(kept) >= self._limits.scripts:
            raise TooManyScripts(f"An account can have {self._limits.scripts} scripts at most")

    async def put(self, name: str, source: bytes) -> None:
        """Keep a script, in place of one of that name. Raises ScriptInvalid, and what check_room() raises."""
        await self.check_room(name, len(source))
        compile_script(source, self._limits)
        await self._account.set_properties(None, {SCRIPT + check_name(name): source})

    async def remove(self, name: str) -> None:
        """Raises ScriptMissing, ScriptActive."""
        name, kept = check_name(name), await self.kept()
        _named(kept, name)
        if kept.active == name:
            raise ScriptActive
        await self._account.set_properties(None, {SCRIPT + name: None})

    async def rename(self, old: str, new: str) -> None:
        """The active one stays active. Raises ScriptMissing, ScriptExists, NameInvalid."""
        old, new, kept = check_name(old), check_name(new), await self.kept()
        source = _named(kept, old)
        if new in kept.scripts:
            raise ScriptExists
        changes: dict[str, bytes | None] = {SCRIPT + new: source, SCRIPT + old: None}
        if kept.active == old:
            changes[ACTIVE] = new.encode("utf-8")
        await self._account.set_properties(None, changes)

    async def activate(self, name: str) -> None:
        """Raises ScriptMissing, and ScriptInvalid for one that limits made since then forbid."""
        name = check_name(name)
        compile_script(_named(await self.kept(), name), self._limits)
        await self._account.set_properties(None, {ACTIVE: name.encode("utf-8")})

    async def deactivate(self) -> None:
        await self._account.set_properties(None, {ACTIVE: None})


def _named(kept: Kept, name: str) -> bytes:
    if name not in kept.scripts:
        raise ScriptMissing
    return kept.scripts[name]
