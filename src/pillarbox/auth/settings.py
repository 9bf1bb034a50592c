"""How expensive a password check is, and how long one that succeeded is remembered.

Must never: hold a secret.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.auth.ldap.settings import LdapSettings
from pillarbox.auth.oauth.settings import OAuthSettings
from pillarbox.auth.pam.settings import PamSettings
from pillarbox.auth.sasl_settings import SaslSettings


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """How many wrong passwords are paid for, and by whom. Each bucket holds so many and gets one back at intervals
    (docs/logins.md)."""

    failures_per_address: int = 20
    """Wrong passwords in a row from one address (IPv6: /64 network) that never logged in to the account they name.
    A household that sets up its devices mistypes less."""
    address_refill_seconds: float = 60.0
    """One more after so long: 1,440 a day."""
    failures_per_account: int = 30
    """Wrong passwords in a row for one login name, from all addresses together that never logged in to it. Its own
    networks are not counted, and not held up."""
    account_refill_seconds: float = 60.0
    """One more after so long. An 8-letter password that is in no list outlasts 1,440 guesses a day."""
    failures_when_known: int = 20
    """Wrong passwords in a row from one network that this account logged in from before."""
    known_refill_seconds: float = 30.0
    """One more after so long: a device with an old password that asks every minute never runs out."""
    known_days: int = 90
    """A network that an account logged in from is known for so long."""
    exempt_networks: tuple[str, ...] = ()
    """Addresses and networks (CIDR) that are not throttled and never banned, such as that of a web mail server, which
    all people come from. The limit for each account holds there too."""
    spray_accounts: int = 10
    """Wrong passwords for so many accounts from one address within `spray_window_seconds` are spraying: an alarm, and
    a ban. What an account's own networks do is not counted. For a whole /24 or /48 it takes three times as many."""
    spray_addresses: int = 20
    """Wrong passwords for one account from so many addresses within `spray_window_seconds` are an alarm."""
    spray_window_seconds: float = 3600.0
    """How far back these look."""
    ban_seconds: float = 3600.0
    """How long such a ban holds. Accounts that logged in from there before are let in all the same. 0 bans nobody."""


class NoticeWay(enum.Enum):
    """How the owner of an account hears of an alarm."""

    INBOX = "inbox"
    """A message in INBOX."""
    NONE = "none"
    """Not at all; the operator sees it in the log and with `pillarbox alarms list`."""


class QuarantineFor(enum.Enum):
    """Which open alarms hold logins from their neighbourhood to looking."""

    NONE = "none"
    GRAVE = "grave"
    """`failures-then-success` and `impossible-travel`."""
    STRANGE = "strange"
    """All that tell of somebody who got in."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What is kept of logins, and what is strange enough to tell (docs/logins.md)."""

    history_days: int = 90
    """Decisions are kept for so long. Alarms too, once they are confirmed."""
    max_decisions: int = 1_000_000
    """About 300 MB. Beyond that the oldest refusals go first, so that nobody fills the disk by guessing."""
    notices: NoticeWay = NoticeWay.INBOX
    """How the owner of an account hears of an alarm: `inbox` or `none`."""
    quarantine: QuarantineFor = QuarantineFor.NONE
    """Until an alarm is confirmed, logins to its account from its neighbourhood (/24, /48), and from those where the
    account was not used before it, may read and change nothing, and manage no Sieve scripts: `grave` after
    failures-then-success and impossible-travel, `strange` after all alarms about somebody who got in, `none`. Off, for
    a traveller can't confirm an alarm; whoever runs the server can."""
    learning_days: float = 7.0
    """Nothing is strange in an account's first days."""
    learning_logins: int = 5
    """Nor before it logged in so often."""
    failures_before_success: int = 10
    """So many wrong passwords from strange networks within an hour, then the right one from a network that the account
    never used: guessed, or a new phone after a long day."""
    unusual_hour_logins: int = 50
    """Hours are looked at once an account logged in so often; below that everything is unusual."""
    travel_km_per_hour: float = 1000.0
    """Faster than this between two logins is no journey; an airliner flies 900. Needs `city_file`."""
    city_file: Path | None = None
    """A city (or country) database in MaxMind's format, .mmdb. Needs `pip install pillarbox[geo]`."""
    asn_file: Path | None = None
    """A database of networks' operators (ASN) in the same format."""


class Asked(enum.Enum):
    """Who needs a second factor."""

    NONE = "none"
    """Accounts that have one."""
    ALL = "all"
    """All of them."""


@dataclass(frozen=True, slots=True)
class MultiFactorSettings:
    """Second factors (docs/multi-factor.md)."""

    require: Asked = Asked.NONE
    """`all`: no mail program gets in with an account password, whether the account has a second factor or not; app
    passwords do. `none`: that holds for accounts that have a second factor."""
    issuer: str = "Pillarbox"
    """What apps show beside the login name."""
    wrong_codes: int = field(default=10, metadata={"minimum": 1})
    """Wrong codes in a row for one account; addresses pay for them as for wrong passwords (`auth.throttle`)."""
    wrong_code_refill_seconds: float = 600.0
    """One more after so long. Guessing a code of six digits, half of the tries succeed after four years then."""
    passkey_origins: tuple[str, ...] = ()
    """Where browsers may use passkeys, such as `https://mail.example.org`; none, no passkeys."""
    passkey_rp_id: str = ""
    """The domain that passkeys belong to; the host of the first origin when empty. Another one voids them all."""
    passkey_seconds: int = field(default=300, metadata={"minimum": 10})
    """How long a browser has to answer."""


class AccountBackend(enum.Enum):
    """Who judges account passwords."""

    BUILTIN = "builtin"
    """This server, by hashes in its own account database."""
    LDAP = "ldap"
    """A directory."""
    PAM = "pam"
    """The operating system."""


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may enter, and what the check costs."""

    backend: AccountBackend = AccountBackend.BUILTIN
    """Who judges account passwords: `builtin`, `ldap` (`auth.ldap`) or `pam` (`auth.pam`). All accounts' at once;
    those that have a password here keep it for the day when it is `builtin` again (docs/backends.md)."""
    remember_seconds: int = field(default=600, metadata={"minimum": 0})
    """A password that was right is remembered this long in memory, as a keyed hash, so that a client with five
    connections pays for one check. A changed password or a disabled account counts at once. 0 switches it off."""
    max_remembered: int = 10_000
    """Most passwords remembered at once; about 200 bytes each."""
    hash_threads: int = 2
    """Password checks that run at once; each takes `argon2_memory_kib` and a processor core. More wait."""
    max_waiting_checks: int = 64
    """Checks that wait for people whom the server doesn't know by their network, and as many for those that it does;
    these come first. Among strangers each address has its turn after the others. More are told to come back."""
    argon2_memory_kib: int = field(default=65_536, metadata={"minimum": 8 * 1024})
    """Memory of one check, 8 MiB at least. RFC 9106 section 4, second recommended option."""
    argon2_passes: int = 3
    """Passes over that memory. RFC 9106 section 4, second recommended option."""
    argon2_lanes: int = 4
    """Lanes. RFC 9106 section 4, second recommended option."""
    sasl: SaslSettings = field(default_factory=SaslSettings)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    multi_factor: MultiFactorSettings = field(default_factory=MultiFactorSettings)
    ldap: LdapSettings = field(default_factory=LdapSettings)
    pam: PamSettings = field(default_factory=PamSettings)
