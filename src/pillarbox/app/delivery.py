"""Builds what delivers mail, for the server and for `pillarbox deliver`.

Must never: decide anything about a message.
"""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

from pillarbox import __version__
from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import Clock
from pillarbox.config.addresses import parse_address
from pillarbox.delivery.addresses import AddressBook
from pillarbox.delivery.deliverer import Deliverer
from pillarbox.delivery.outbox import NoOutbox, Outbox
from pillarbox.delivery.retries import NoRetries, RememberedRetries, Retries
from pillarbox.delivery.settings import DeliverySettings
from pillarbox.delivery.sieve_filter import SieveFilter
from pillarbox.events import EventLog
from pillarbox.net.relay import SendmailCommand, SmtpRelay
from pillarbox.store.contract import Store


def open_outbox(settings: DeliverySettings) -> Outbox:
    """Where filters send. Raises AddressInvalid for a relay that is no HOST:PORT."""
    if settings.relay:
        address = parse_address(settings.relay)
        return SmtpRelay(address.host, address.port)
    return SendmailCommand(settings.sendmail) if settings.sendmail else NoOutbox()


def open_retries(settings: ServerSettings, clock: Clock, stack: AsyncExitStack) -> Retries:
    """What was delivered lately; closed with `stack`. Raises StoreUnavailable."""
    hours = settings.delivery.remember_hours
    if not hours:
        return NoRetries()
    retries = RememberedRetries.open(DataFolder(settings.data_folder).deliveries_path, hours * 3600.0, clock)
    stack.callback(retries.close)
    return retries


def make_deliverer(
    settings: ServerSettings,
    store: Store,
    directory: AccountDirectory,
    retries: Retries,
    clock: Clock,
    events: EventLog,
) -> Deliverer:
    """Final delivery into `store`, through people's Sieve scripts. Raises AddressInvalid."""
    book = AddressBook(directory, settings.delivery)
    outbox = open_outbox(settings.delivery)
    host = server_name(settings)
    items = {"name": "Pillarbox", "version": __version__, "location": "MDA", "phase": "during", "host": host}
    sieve = SieveFilter(settings.sieve, settings.delivery.separator, items, clock, events)
    return Deliverer(store, book, sieve, outbox, retries, settings.delivery, clock, events)


def server_name(settings: ServerSettings) -> str:
    """What we call ourselves to other mail servers."""
    return settings.lmtp.server_name or next(iter(settings.tls.server_names), "") or socket.gethostname()
