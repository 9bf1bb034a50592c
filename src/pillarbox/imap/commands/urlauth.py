"""GENURLAUTH, RESETKEY, URLFETCH: URLs that let somebody else fetch one message or a part of it (RFC 4467), decoded or
with its structure (RFC 5524), or a piece of it (RFC 5550: URL-PARTIAL). The mechanism is INTERNAL.

URLs lead to the mailboxes of the account that they name, whatever others share with it.

Must never: tell a URL that is refused from one that leads to nothing, by answer or by the order of the looks: the token
is checked first, with a decoy where there is no key, and in the client's own account where there is no such owner.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Done, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.url_extracts import Extract, pieces_of
from pillarbox.imap.url_keys import decoy_key, is_token_of, key_for, keys_of, remove_keys, renew_key, token_of
from pillarbox.imap.url_target import NothingThere, Target, find_target, host_is_ours
from pillarbox.imap.urls import Access, MessageUrl, UrlAuth, UrlInvalid, authorised, parse_url
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.mail.errors import MailboxMissing, MailError, NoPermission
from pillarbox.mail.names import canonical_name
from pillarbox.store.contract import AccountStore

# mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")


def _parse_mechanism(cursor: Cursor) -> None:
    if cursor.word() != "INTERNAL":
        raise BadSyntax("INTERNAL is the only mechanism here")


# genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism); url-rump = astring
def _parse_generate(cursor: Cursor, session: Session) -> list[bytes]:
    rumps: list[bytes] = []
    while not rumps or not cursor.at_end():
        if rumps:
            cursor.space()
        rumps.append(cursor.astring())
        cursor.space()
        _parse_mechanism(cursor)
        _check_count(session, len(rumps))
    return rumps


def _check_count(session: Session, count: int) -> None:
    if count > session.services.limits.fetch_items:
        raise BadSyntax("Too many URLs for one command")


async def _generate(session: Session, rumps: list[bytes]) -> Replies:
    """RFC 4467 section 7: a URL that can't be authorised is answered BAD, whatever is wrong with it."""
    made: list[bytes] = []
    async with _own_account(session) as account:
        for raw in rumps:
            url, auth = _parse_rump(session, raw)
            try:
                mailbox = await account.find(canonical_name(url.mailbox))
            except MailboxMissing:
                raise BadSyntax("One of the URLs names nothing that can be authorised") from None
            key = await key_for(account, mailbox.id)
            made.append(string(authorised(auth, token_of(key, auth.rump)).encode("utf-8")))
    yield b"* GENURLAUTH %b\r\n" % b" ".join(made)


def _parse_rump(session: Session, raw: bytes) -> tuple[MessageUrl, UrlAuth]:
    try:
        url = parse_url(raw.decode("ascii"))
        if url.auth is not None and not url.auth.token and host_is_ours(session, url):
            if url.auth.login_name:
                prepare_login_name(url.auth.login_name)
            if prepare_login_name(url.login_name) == session.login_name:
                return url, url.auth
    except (UnicodeDecodeError, UrlInvalid, LoginNameInvalid):
        pass
    raise BadSyntax("One of the URLs names nothing that can be authorised")


@asynccontextmanager
async def _own_account(session: Session) -> AsyncIterator[AccountStore]:
    """The client's own mail, without what others share with it. A URL would outlast a limited login: NoPermission."""
    if session.confined:
        raise NoPermission("What you logged in with is limited, and authorises no URLs")
    account = await session.services.store.open(session.mail.account)
    try:
        yield account
    finally:
        await account.close()


# resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]
def _parse_reset(cursor: Cursor, session: Session) -> str | None:
    if cursor.at_end():
        return None
    name = session.decode_name(cursor.astring())
    while not cursor.at_end():
        cursor.space()
        _parse_mechanism(cursor)
    return name


async def _reset(session: Session, name: str | None) -> Replies:
    async with _own_account(session) as account:
        if name is None:
            await remove_keys(account)
            yield Done(text="All keys removed")
        else:
            await renew_key(account, (await account.find(name)).id)
            yield Done(b"URLMECH INTERNAL", "There is a new key")


# --- URLFETCH ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    raw: bytes
    """The URL as the client wrote it."""
    extracts: tuple[Extract, ...]
    """Empty: what RFC 4467 has, and nothing of RFC 5524."""


# urlfetch      = "URLFETCH" 1*(SP url-fetch-arg)
# url-fetch-arg = url-full / "(" url-full *(SP url-fetch-param) ")"
def _parse_fetch(cursor: Cursor, session: Session) -> list[_Wanted]:
    wanted: list[_Wanted] = []
    while not wanted or not cursor.at_end():
        if wanted:
            cursor.space()
        wanted.append(_parse_wanted(cursor))
        _check_count(session, len(wanted))
    return wanted


# url-fetch-param = "BODY" / "BINARY" / "BODYPARTSTRUCTURE" / atom
def _parse_wanted(cursor: Cursor) -> _Wanted:
    if not cursor.skip(b"("):
        return _Wanted(cursor.astring(), ())
    raw = cursor.astring()
    names: list[str] = []
    while not cursor.skip(b")"):
        cursor.space()
        names.append(cursor.word())
    try:
        extracts = tuple(dict.fromkeys(map(Extract, names)))
    except ValueError:
        raise BadSyntax("Unknown parameter") from None
    if Extract.BODY in extracts and Extract.BINARY in extracts:
        raise BadSyntax("BODY and BINARY exclude each other")
    return _Wanted(raw, extracts)


async def _fetch(session: Session, wanted: list[_Wanted]) -> Replies:
    """urlfetch-data = "*" SP "URLFETCH" SP url-full SP nstring, or with RFC 5524 1*(SP "(" url-metadata-el ")")"""
    for each in wanted:
        target = await _authorised_target(session, each.raw)
        yield b"* URLFETCH %b " % string(each.raw)
        if target is None:
            yield b"NIL\r\n"
            continue
        for chunk in pieces_of(session, target, each.extracts):
            yield chunk
        yield b"\r\n"


async def _authorised_target(session: Session, raw: bytes) -> Target | None:
    """What the URL leads to, for a client that may see it; None for all else."""
    try:
        url = parse_url(raw.decode("ascii"))
    except (UnicodeDecodeError, UrlInvalid):
        return None
    if url.auth is None or not await _may_use(session, url, url.auth):
        return None
    owner = await session.services.accounts.account_of(url.login_name)
    account = await session.services.store.open(owner or session.mail.account)
    try:
        if not await _is_vouched_for(account, url, url.auth) or owner is None:
            return None
        return await find_target(session, account, url)
    except (MailError, NothingThere):
        return None
    finally:
        await account.close()


async def _may_use(session: Session, url: MessageUrl, auth: UrlAuth) -> bool:
    """RFC 4467 section 3: whether the access identifier names this client, and the time has not passed. A limited login
    is nobody's."""
    if session.confined or not host_is_ours(session, url):
        return False
    if auth.expires_seconds is not None and auth.expires_seconds <= session.services.clock.now_seconds():
        return False
    match auth.access:
        case Access.USER:
            return await session.services.accounts.account_of(auth.login_name) == session.mail.account
        case Access.SUBMIT:
            return session.login_name in session.services.limits.submission_logins
    return True


async def _is_vouched_for(account: AccountStore, url: MessageUrl, auth: UrlAuth) -> bool:
    try:
        keys = await keys_of(account, (await account.find(canonical_name(url.mailbox))).id)
    except MailboxMissing:
        keys = []
    return is_token_of(keys or [decoy_key()], auth.rump, auth.token) and auth.mechanism == "INTERNAL"


AREA = Area(
    commands=(
        Command("GENURLAUTH", LOGGED_IN, _generate, "4467 7", _parse_generate),
        Command("RESETKEY", LOGGED_IN, _reset, "4467 7", _parse_reset, Trait.MAY_STAND_ALONE),
        Command("URLFETCH", LOGGED_IN, _fetch, "4467 7", _parse_fetch),
    ),
    capabilities=(
        Capability("URLAUTH", "4467", LOGGED_IN),
        Capability("URLAUTH=BINARY", "5524", LOGGED_IN),
        Capability("URLFETCH=BINARY", "5524", LOGGED_IN),
        Capability("URL-PARTIAL", "5550", LOGGED_IN),
    ),
)
