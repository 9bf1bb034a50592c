"""Who is told what happens in people's mail: webhooks. (The stream over HTTPS is app.web's.)"""

from __future__ import annotations

from contextlib import AsyncExitStack

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.alarms import Alarms
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.ledger import Ledger
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.push.runner import EventPush, EventsInvalid, read_webhooks
from pillarbox.store.contract import AccountId, Store


def check_events(settings: ServerSettings) -> None:
    """Before anything is served. Raises EventsInvalid."""
    read_webhooks(settings.events)
    if settings.events.stream and not settings.web.listen:
        raise EventsInvalid("events.stream needs an HTTPS port: set web.listen, such as ['*:443']")


def start_push(
    settings: ServerSettings,
    store: Store,
    directory: AccountDirectory,
    clock: Clock,
    events: EventLog,
    stack: AsyncExitStack,
) -> None:
    """Tell webhooks from now on, when there are any. Raises EventsInvalid."""
    webhooks = read_webhooks(settings.events)
    if not webhooks:
        return

    def accounts() -> list[tuple[str, AccountId]]:
        return [(account.login_name, account.id) for account in directory.accounts()]

    folder = DataFolder(settings.data_folder)
    ledger = Ledger.open(folder.logins_path)
    stack.callback(ledger.close)
    alarms = Alarms(ledger, clock)
    push = EventPush(webhooks, settings.events, store, accounts, alarms.after, folder.events_path, clock, events)
    stack.push_async_callback(push.stop)
    push.start()
