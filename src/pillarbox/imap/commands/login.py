"""LOGIN and AUTHENTICATE: who is there (RFC 9051 section 6.2; SASL-IR is RFC 4959).

Must never: log or echo what a client sent here; tell "no such user" from "wrong password".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.contract import SECOND_FACTOR_ADVICE, TRY_LATER, Attempt, Denied, RefusalReason
from pillarbox.auth.sasl import PASSWORD_MECHANISMS, Challenge
from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.refusals import BadSyntax, Farewell, Refused
from pillarbox.imap.replies import Ask, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.secret import Secret


# login = "LOGIN" SP userid SP password
def _parse_login(cursor: Cursor, session: Session) -> tuple[bytes, Secret[bytes]]:
    name = cursor.astring()
    cursor.space()
    return name, Secret(cursor.astring())


async def _login(session: Session, arguments: tuple[bytes, Secret[bytes]]) -> Replies:
    raw_name, raw_password = arguments
    try:
        claim = PasswordClaim(raw_name.decode("utf-8"), Secret(raw_password.reveal().decode("utf-8")))
    except UnicodeDecodeError:
        raise BadSyntax("User name and password must be UTF-8") from None
    yield await _enter(session, claim, "LOGIN")


@dataclass(frozen=True, slots=True)
class _Exchange:
    mechanism: str
    initial: bytes | None


# authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64); initial-resp = (base64 / "=")
def _parse_authenticate(cursor: Cursor, session: Session) -> _Exchange:
    name = cursor.atom().decode("ascii").upper()
    initial = cursor.rest() if cursor.skip(b" ") else None
    return _Exchange(name, None if initial is None else b"" if initial == b"=" else _decode(initial))


async def _authenticate(session: Session, exchange: _Exchange) -> Replies:
    make = PASSWORD_MECHANISMS.get(exchange.mechanism)
    if make is None:
        raise Refused("That mechanism is not offered here; CAPABILITY names those that are", "CANNOT")
    mechanism = make()
    step = mechanism.start(exchange.initial)
    while isinstance(step, Challenge):
        line: bytes = yield Ask(base64.b64encode(step.data))
        if line == b"*":
            raise BadSyntax("The exchange was cancelled")
        step = mechanism.respond(_decode(line))
    if not isinstance(step, PasswordClaim):
        raise _failed(session)
    yield await _enter(session, step, exchange.mechanism)


async def _enter(session: Session, claim: PasswordClaim, mechanism: str) -> Done:
    services = session.services
    attempt = Attempt(session.address, mechanism, session.tls, session.client)
    decision = await services.authenticator.decide(claim, attempt)
    if isinstance(decision, Denied):
        if decision.reason is RefusalReason.UNAVAILABLE:
            raise Refused("Logging in is not possible at the moment; try again later", "UNAVAILABLE")
        if decision.reason is RefusalReason.SECOND_FACTOR:
            raise _failed(session, Refused(SECOND_FACTOR_ADVICE, "AUTHENTICATIONFAILED"))
        if decision.reason in TRY_LATER:
            raise _failed(session, Refused("Too many failed logins; try again in a few minutes", "LIMIT"))
        raise _failed(session)
    await session.enter(decision, attempt)
    return Done(b"CAPABILITY " + session.offer.capabilities(session), "Logged in")


def _failed(session: Session, refused: Refused | None = None) -> Refused | Farewell:
    session.login_failures += 1
    if session.login_failures >= session.services.limits.login_failures:
        return Farewell("Too many failed logins")
    return refused or Refused("User name or password is wrong", "AUTHENTICATIONFAILED")


def _decode(line: bytes) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise BadSyntax("That is not base64") from None


AREA = Area(
    commands=(
        Command("LOGIN", State.NOT_AUTHENTICATED, _login, "9051 6.2.3", _parse_login, Trait.NO_UPDATES),
        Command(
            "AUTHENTICATE", State.NOT_AUTHENTICATED, _authenticate, "9051 6.2.2", _parse_authenticate, Trait.NO_UPDATES
        ),
    ),
    capabilities=(
        Capability("SASL-IR", "4959", State.NOT_AUTHENTICATED),
        *(Capability(f"AUTH={name}", "9051", State.NOT_AUTHENTICATED) for name in PASSWORD_MECHANISMS),
    ),
)
