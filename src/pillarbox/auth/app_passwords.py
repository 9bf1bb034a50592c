"""App passwords: one for each device or program, made here by chance, each with limits of its own.

Kept as HMAC-SHA256 under a key of this server, beside the account (docs/decisions/0016): 140 random bits need no slow
hash, so a login with one costs no Argon2. The secret takes part with its account, so the hash of one account's is
another's nowhere.

Nobody learns from one whether an account or an app password exists: a secret that has the shape of one is looked up
for any name, also one that nobody has, and by a hash that nobody outside can aim. Only one that fits and may be used
now is spared the slow check; all else goes on to it, as any wrong password does.

Must never: keep or log the secret itself; make one that a person chose.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.networks import NetworkSet, neighbourhood_of, network_of
from pillarbox.auth.scope import EVERYTHING, Access, Scope
from pillarbox.clock import Clock
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""No 0 and o, no 1 and l. 32 letters are 5 bits each."""
_LETTERS: Final = 28
_GROUP: Final = 4
_SEPARATORS: Final = str.maketrans("", "", " -_.\t\u00a0")
_KNOWN: Final = frozenset(ALPHABET)
_KEY_NAME: Final = "app passwords"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
MOST: Final = 100
"""Of one account."""
MAX_NAME_CHARACTERS: Final = 64
_COLUMNS: Final = (
    "id, account, name, access, mailboxes, networks, lock, locked_to, created_seconds, expires_seconds,"
    " last_seconds, last_address, last_client, last_mechanism"
)


class AppPasswordMissing(Exception):
    """The account has none of that name or id."""


class AppPasswordRefused(ValueError):
    """It can't be made so; the text says why."""


class Lock(enum.Enum):
    """Where it is good once it was used for the first time."""

    NONE = "none"
    """Anywhere."""
    NETWORK = "network"
    """In the neighbourhood that used it first: an IPv4 /24, an IPv6 /48. A household, or a provider's part of town."""
    ADDRESS = "address"
    """At the one IPv4 address, or in the one IPv6 /64, that used it first: a machine that never moves."""

    def around(self, address: str) -> str:
        """What an address is locked to, in CIDR notation; empty for nothing."""
        if self is Lock.NONE:
            return ""
        return network_of(address) if self is Lock.ADDRESS else neighbourhood_of(address)


@dataclass(frozen=True, slots=True)
class Use:
    """When it let somebody in last."""

    seconds: int
    address: str
    client: str
    """As it called itself (ID); empty when it did not."""
    mechanism: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What one is good for."""

    scope: Scope = EVERYTHING
    networks: tuple[str, ...] = ()
    """Addresses and networks (CIDR) that it is good from; empty: all. Raises NetworkInvalid where it is used."""
    lock: Lock = Lock.NONE
    expires_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class AppPassword:
    """One as it is kept."""

    id: str
    account: AccountId
    name: str
    """Of the device or program."""
    terms: Terms
    created_seconds: int
    locked_to: str = ""
    """CIDR; empty before the first use."""
    last_use: Use | None = None

    def is_expired(self, now_seconds: float) -> bool:
        return self.terms.expires_seconds is not None and now_seconds >= self.terms.expires_seconds


def new_secret() -> Secret[str]:
    """`abcd-efgh-...`: 140 random bits, to be read by people."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(_LETTERS))
    return Secret("-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP)))


def letters_of(typed: Secret[str]) -> Secret[str] | None:
    """The letters of what may be an app password, in any case and with or without separators; None: can't be one."""
    if len(typed.reveal()) > 4 * _LETTERS:
        return None
    letters = typed.reveal().translate(_SEPARATORS).lower()
    return Secret(letters) if len(letters) == _LETTERS and _KNOWN.issuperset(letters) else None


class AppPasswords:
    """All of them. Blocking; all raise DirectoryUnavailable."""

    def __init__(self, directory: AccountDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._key: Secret[bytes] | None = None
        self._decoy = Secret(secrets.token_bytes(_KEY_BYTES))

    def add(self, account: AccountId, name: str, terms: Terms) -> tuple[AppPassword, Secret[str]]:
        """A new one, and the secret, which is told this once. Raises AppPasswordRefused, NetworkInvalid."""
        name = _checked_name(name)
        NetworkSet(terms.networks)
        secret = new_secret()
        letters = letters_of(secret)
        assert letters is not None
        made = AppPassword(secrets.token_hex(_ID_BYTES), account, name, terms, int(self._clock.now_seconds()))
        with self._directory.change() as connection:
            key = _made_key(connection)
            taken = {
                str(row[0]) for row in connection.execute("SELECT name FROM app_password WHERE account = ?", (account,))
            }
            if name in taken:
                raise AppPasswordRefused(f'there is already an app password "{name}"; revoke it or choose another name')
            if len(taken) >= MOST:
                raise AppPasswordRefused(f"an account can have {MOST} app passwords at most; revoke some")
            connection.execute(
                "INSERT INTO app_password (id, account, name, hash, access, mailboxes, networks, lock,"
                " created_seconds, expires_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made.id,
                    account,
                    name,
                    _hash(key, account, letters),
                    terms.scope.access.value,
                    json.dumps(terms.scope.mailboxes),
                    json.dumps(terms.networks),
                    terms.lock.value,
                    made.created_seconds,
                    terms.expires_seconds,
                ),
            )
        return made, secret

    def of(self, account: AccountId) -> Sequence[AppPassword]:
        """Those of an account, by name."""
        return self._read("account = ? ORDER BY name", account)

    def named(self, account: AccountId, name_or_id: str) -> AppPassword:
        """Raises AppPasswordMissing."""
        found = self._read("account = ? AND (name = ? OR id = ?) ORDER BY name = ? DESC", account, *[name_or_id] * 3)
        if not found:
            raise AppPasswordMissing(f'there is no app password "{name_or_id}"')
        return found[0]

    def revoke(self, app_password: AppPassword) -> None:
        """It is good for nothing from now on."""
        with self._directory.change() as connection:
            connection.execute("DELETE FROM app_password WHERE id = ?", (app_password.id,))

    def fitting(self, account: AccountId, letters: Secret[str]) -> AppPassword | None:
        """The account's that has this secret. The same work for an account that is not there (an empty id)."""
        wanted = _hash(self._known_key(), account, letters)
        found = self._read("account = ? AND hash = ?", account, wanted)
        return found[0] if found else None

    def bind(self, app_password: AppPassword, address: str) -> str:
        """What it is locked to: the place of this address, when it was used nowhere before."""
        with self._directory.change() as connection:
            connection.execute(
                "UPDATE app_password SET locked_to = ? WHERE id = ? AND locked_to = ''",
                (app_password.terms.lock.around(address), app_password.id),
            )
            found = list(connection.execute("SELECT locked_to FROM app_password WHERE id = ?", (app_password.id,)))
        return str(found[0][0]) if found else "gone"

    def note_uses(self, uses: Mapping[str, Use]) -> None:
        """Keep the last uses, by id; one without a client leaves the client that is known when it is the same use."""
        with self._directory.change() as connection:
            connection.executemany(
                "UPDATE app_password SET last_seconds = ?, last_address = ?, last_client = ?, last_mechanism = ?"
                " WHERE id = ?",
                [(use.seconds, use.address, use.client, use.mechanism, id) for id, use in uses.items()],
            )

    def _known_key(self) -> Secret[bytes]:
        """Before the first app password is made there is none: then nothing fits, with the same work."""
        if self._key is None:
            found = self._directory.rows("SELECT key FROM server_key WHERE name = ?", _KEY_NAME)
            if not found:
                return self._decoy
            self._key = _as_key(found[0][0])
        return self._key

    def _read(self, where: str, *values: apsw.SQLiteValue) -> list[AppPassword]:
        statement = f"SELECT {_COLUMNS} FROM app_password WHERE {where}"  # noqa: S608 - constants
        return [_app_password(row) for row in self._directory.rows(statement, *values)]


def _made_key(connection: apsw.Connection) -> Secret[bytes]:
    connection.execute("INSERT OR IGNORE INTO server_key VALUES (?, ?)", (_KEY_NAME, secrets.token_bytes(_KEY_BYTES)))
    found = connection.execute("SELECT key FROM server_key WHERE name = ?", (_KEY_NAME,)).fetchall()
    return _as_key(found[0][0])


def _as_key(value: apsw.SQLiteValue) -> Secret[bytes]:
    assert isinstance(value, bytes)
    return Secret(value)


def _hash(key: Secret[bytes], account: AccountId, letters: Secret[str]) -> bytes:
    return hmac.new(key.reveal(), f"{account}\0{letters.reveal()}".encode(), hashlib.sha256).digest()


def _checked_name(typed: str) -> str:
    name = " ".join(typed.split())
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise AppPasswordRefused(f"the name of a device has 1 to {MAX_NAME_CHARACTERS} printable characters")
    return name


def _app_password(row: tuple[apsw.SQLiteValue, ...]) -> AppPassword:
    last = None
    if row[10] is not None:
        last = Use(_whole(row[10]), str(row[11]), str(row[12]), str(row[13]))
    return AppPassword(
        str(row[0]),
        AccountId(str(row[1])),
        str(row[2]),
        Terms(
            Scope(Access(str(row[3])), _texts(row[4])),
            _texts(row[5]),
            Lock(str(row[6])),
            None if row[9] is None else _whole(row[9]),
        ),
        _whole(row[8]),
        str(row[7]),
        last,
    )


def _texts(value: apsw.SQLiteValue) -> tuple[str, ...]:
    return tuple(str(each) for each in json.loads(str(value)))


def _whole(value: apsw.SQLiteValue) -> int:
    assert isinstance(value, int)
    return value
