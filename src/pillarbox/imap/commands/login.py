"""LOGIN and AUTHENTICATE: who is there (RFC 9051 section 6.2; SASL-IR is RFC 4959).

Must never: log or echo what a client sent here; tell "no such user" from "wrong password".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.contract import SECOND_FACTOR_ADVICE, TRY_LATER, Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.mechanisms import MECHANISM_RFCS
from pillarbox.auth.sasl import Challenge, Failed
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
    if not session.services.mechanisms.take_passwords:
        raise Refused("LOGIN is switched off here; CAPABILITY names the mechanisms that there are", "CANNOT")
    try:
        claim = PasswordClaim(raw_name.decode("utf-8"), Secret(raw_password.reveal().decode("utf-8")))
    except UnicodeDecodeError:
        raise BadSyntax("User name and password must be UTF-8") from None
    attempt = _attempt(session, "LOGIN")
    yield await _enter(session, await session.services.authenticator.decide(claim, attempt), attempt)


@dataclass(frozen=True, slots=True)
class _Begun:
    mechanism: str
    initial: bytes | None


# authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64); initial-resp = (base64 / "=")
def _parse_authenticate(cursor: Cursor, session: Session) -> _Begun:
    name = cursor.atom().decode("ascii").upper()
    initial = cursor.rest() if cursor.skip(b" ") else None
    return _Begun(name, None if initial is None else b"" if initial == b"=" else _decode(initial))


async def _authenticate(session: Session, begun: _Begun) -> Replies:
    services, attempt = session.services, _attempt(session, begun.mechanism)
    exchange = services.mechanisms.exchange(begun.mechanism, session.peer, services.authenticator, attempt)
    if exchange is None:
        raise Refused("That mechanism is not offered here; CAPABILITY names those that are", "CANNOT")
    turn = await exchange.begin(begun.initial)
    while isinstance(turn, Challenge):
        line: bytes = yield Ask(base64.b64encode(turn.data))
        if line == b"*":
            raise BadSyntax("The exchange was cancelled")
        turn = await exchange.answer(_decode(line))
    if isinstance(turn, Failed):
        raise _failed(session)
    yield await _enter(session, turn, attempt)


def _attempt(session: Session, mechanism: str) -> Attempt:
    return Attempt(session.address, mechanism, session.tls, session.client)


async def _enter(session: Session, decision: Granted | Denied, attempt: Attempt) -> Done:
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


def _mechanism(name: str, rfc: str) -> Capability:
    def value(session: Session) -> str:
        return f"AUTH={name}" if name in session.mechanisms else ""

    return Capability(f"AUTH={name}", rfc, State.NOT_AUTHENTICATED, value)


def _no_login(session: Session) -> str:
    return "" if session.services.mechanisms.take_passwords else "LOGINDISABLED"


AREA = Area(
    commands=(
        Command("LOGIN", State.NOT_AUTHENTICATED, _login, "9051 6.2.3", _parse_login, Trait.NO_UPDATES),
        Command(
            "AUTHENTICATE", State.NOT_AUTHENTICATED, _authenticate, "9051 6.2.2", _parse_authenticate, Trait.NO_UPDATES
        ),
    ),
    capabilities=(
        *(_mechanism(name, rfc) for name, rfc in MECHANISM_RFCS.items()),
        Capability("LOGINDISABLED", "9051", State.NOT_AUTHENTICATED, _no_login),
        Capability("SASL-IR", "4959", State.NOT_AUTHENTICATED),
    ),
)
