"""The ways to log in that the settings ask for.

Must never: offer SCRAM where account passwords are judged elsewhere: there are no keys for it.
"""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from pillarbox.app.settings import ServerSettings
from pillarbox.auth.bearer import TokenGuide
from pillarbox.auth.contract import Authenticator
from pillarbox.auth.exchange import ScramDirectory
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.oauth.settings import OAuthSettings, TokenCheck, configuration_url
from pillarbox.auth.settings import AccountBackend
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.secret import Secret

if TYPE_CHECKING:
    from pillarbox.auth.oauth.fetching import Fetcher


class SaslUnusable(Exception):
    """The settings ask for what can't be. The text is for the operator."""


def open_mechanisms(settings: ServerSettings, salts: ScramDirectory) -> Mechanisms:
    """For all doors of a process."""
    auth = settings.auth
    own = auth.backend is AccountBackend.BUILTIN
    certificates = auth.sasl.certificate_name if settings.tls.client_ca is not None else None
    tokens = (
        TokenGuide(" ".join(auth.oauth.scopes), configuration_url(auth.oauth.issuer)) if auth.oauth.issuer else None
    )
    return Mechanisms(auth.sasl.mechanisms, salts if own else None, certificates, tokens)


def open_tokens(
    settings: ServerSettings, accounts: Authenticator, clock: Clock, events: EventLog, stack: AsyncExitStack
) -> Authenticator:
    """What judges bearer tokens in front of `accounts`, when some are taken; closed with the stack. Raises
    SaslUnusable."""
    oauth = settings.auth.oauth
    if not oauth.issuer:
        return accounts
    from pillarbox.auth.oauth.authenticator import TokenAuthenticator  # what reads tokens is loaded by who takes some
    from pillarbox.auth.oauth.issuer import Issuer
    from pillarbox.auth.oauth.tokens import TokenJudge

    fetcher, secret = _fetcher(oauth, clock), _client_secret(oauth)
    judge = TokenJudge(oauth, Issuer(oauth, fetcher, clock), fetcher, secret, clock)
    tokens = TokenAuthenticator(accounts, judge, events)
    stack.callback(tokens.close)
    return tokens


def check_sasl(settings: ServerSettings, clock: Clock) -> None:
    """Find out before serving whether the settings can be used. Raises SaslUnusable."""
    auth, oauth = settings.auth, settings.auth.oauth
    if not auth.sasl.mechanisms and not oauth.issuer and settings.tls.client_ca is None:
        raise SaslUnusable("nobody could log in: name some of auth.sasl.mechanisms, auth.oauth.issuer or tls.client_ca")
    if not oauth.issuer:
        return
    if not oauth.issuer.startswith("https://"):
        raise SaslUnusable("auth.oauth.issuer must begin with https://")
    if not oauth.audience:
        raise SaslUnusable("set auth.oauth.audience: the issuer's tokens for other services would open mailboxes")
    if oauth.check is TokenCheck.INTROSPECTION and not (oauth.client_id and oauth.client_secret_file):
        raise SaslUnusable("introspection needs auth.oauth.client_id and auth.oauth.client_secret_file")
    _fetcher(oauth, clock)
    _client_secret(oauth)


def _fetcher(oauth: OAuthSettings, clock: Clock) -> Fetcher:
    from pillarbox.auth.oauth.fetching import Fetcher

    try:
        return Fetcher(oauth.ca_file, oauth.timeout_seconds, clock)
    except (OSError, ssl.SSLError) as error:
        raise SaslUnusable(f"auth.oauth.ca_file {oauth.ca_file}: {error.strerror or 'no PEM certificates'}") from error


def _client_secret(oauth: OAuthSettings) -> Secret[str]:
    if oauth.client_secret_file is None:
        return Secret("")
    try:
        return Secret(oauth.client_secret_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SaslUnusable(
            f"auth.oauth.client_secret_file {oauth.client_secret_file} can't be read: {error}"
        ) from error
