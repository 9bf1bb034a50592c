"""Chooses who judges account passwords.

Must never: ask a back end before the server serves: one that is down then may be up later.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.elsewhere import PasswordsElsewhere
from pillarbox.auth.ldap.check import LdapCheck, LdapUnusable
from pillarbox.auth.pam.check import PamCheck, PamUnusable
from pillarbox.auth.password_check import PasswordCheck
from pillarbox.auth.settings import AccountBackend, AuthSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog, NoEvents


class BackendUnusable(Exception):
    """`auth.backend` can't be used as it is set up. The text is for the operator."""


def open_elsewhere(
    settings: AuthSettings, directory: AccountDirectory, clock: Clock, events: EventLog, stack: AsyncExitStack
) -> PasswordsElsewhere | None:
    """The back end that the settings name; None for the built-in one. Closed with the stack. Raises BackendUnusable."""
    check = _password_check(settings, clock, events)
    if check is None:
        return None
    elsewhere = PasswordsElsewhere(check, directory, clock, events, settings)
    stack.push_async_callback(elsewhere.close)
    return elsewhere


def check_backend(settings: AuthSettings, clock: Clock) -> None:
    """Find out before serving whether the settings can be used. Raises BackendUnusable."""
    _password_check(settings, clock, NoEvents())


def _password_check(settings: AuthSettings, clock: Clock, events: EventLog) -> PasswordCheck | None:
    try:
        if settings.backend is AccountBackend.LDAP:
            return LdapCheck(settings.ldap, clock, events)
        if settings.backend is AccountBackend.PAM:
            return PamCheck(settings.pam, events)
    except (LdapUnusable, PamUnusable) as error:
        raise BackendUnusable(str(error)) from error
    return None
