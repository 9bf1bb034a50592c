"""What a conversation needs from the rest of the house, given once."""

from __future__ import annotations

from dataclasses import dataclass, field

from pillarbox.auth.contract import Administration, Authenticator, NobodyAdministers, Presence, Uncounted
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.sessions import LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.imap.accounts import Accounts, NoAccounts
from pillarbox.imap.limits import ImapLimits
from pillarbox.sharing.neighbours import Neighbours, Nobody
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import Store


@dataclass(frozen=True, slots=True)
class Services:
    """Collaborators of every conversation of a worker."""

    store: Store
    authenticator: Authenticator
    clock: Clock
    events: EventLog
    limits: ImapLimits = field(default_factory=ImapLimits)
    neighbours: Neighbours = field(default_factory=Nobody)
    sharing: SharingSettings = field(default_factory=SharingSettings)
    administration: Administration = field(default_factory=NobodyAdministers)
    accounts: Accounts = field(default_factory=NoAccounts)
    presence: Presence = field(default_factory=Uncounted)
    sessions: LiveSessions = field(default_factory=LiveSessions)
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
