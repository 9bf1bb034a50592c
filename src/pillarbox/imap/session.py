"""One client: who it is, what it switched on, which mailbox it has open.

Must never: know sockets. The conversation owns a session and drives it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pillarbox.auth.contract import Attempt, Granted
from pillarbox.auth.sessions import LiveSession
from pillarbox.conversation import Peer
from pillarbox.imap.annotation_watch import AnnotationWatch
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import State
from pillarbox.imap.services import Services
from pillarbox.imap.updates import EVERYTHING, Change, ExpungeRule, Wish, first_recent_uid, owed_updates, rights_lines
from pillarbox.imap.view import View
from pillarbox.imap.wire.writer import astring, mailbox_name
from pillarbox.mail.errors import MailError
from pillarbox.mail.names import SEPARATOR, canonical_name
from pillarbox.mail.rights import Rights
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7
from pillarbox.sharing.confined import ConfinedMail, PersonsMail
from pillarbox.sharing.person import PersonalMail, is_own
from pillarbox.store.contract import Mailbox, MailboxId


class Offer(Protocol):
    """What the server has for clients, computed from the registry of commands."""

    def capabilities(self, session: Session) -> bytes:
        """The names to tell in the session's state, with spaces between."""
        ...

    def feature(self, name: str) -> Feature | None:
        """What `ENABLE name` (upper case) switches on."""
        ...


@dataclass(slots=True)
class OwnChanges:
    """What the running command changes outside of the open mailbox: its client is not notified of that (RFC 5465
    section 5)."""

    names: set[str] = field(default_factory=set)
    """Of mailboxes made, deleted, renamed to, subscribed or unsubscribed."""
    arrivals: dict[MailboxId, set[int]] = field(default_factory=dict)
    """UIDs that it put somewhere."""

    def arrived(self, mailbox: MailboxId, uids: Iterable[int]) -> None:
        """The command stored these."""
        self.arrivals.setdefault(mailbox, set()).update(uids)

    def clear(self) -> None:
        """The next command begins."""
        self.names.clear()
        self.arrivals.clear()


class Notices(Protocol):
    """What the client asked to be told with NOTIFY (see notifier.py)."""

    wish: Wish
    items: Sequence[Any]  # Any: items of FETCH for new messages; they are of a higher floor
    between: ExpungeRule
    """While no command runs."""

    @property
    def asks_annotations(self) -> bool:
        """Whether METADATA responses were asked for."""
        ...

    def covers_annotations(self, name: str) -> bool:
        """Whether those of this mailbox were, or of the server (an empty name)."""
        ...

    async def elsewhere(self) -> bytes:
        """What happened outside of the open mailbox since the last time."""
        ...

    def overflow(self) -> bytes:
        """Stop, and say so."""
        ...

    def tick(self) -> None:
        """Called every second or so."""
        ...

    def close(self) -> None:
        """Watch nothing any more."""
        ...


class Session:
    """The state of RFC 9051 section 3 with what belongs to it."""

    __slots__ = (
        "account",
        "address",
        "annotations",
        "bad_commands",
        "client",
        "compressed",
        "confined",
        "decision",
        "end",
        "features",
        "filters",
        "leaving",
        "live",
        "login_failures",
        "login_name",
        "mechanisms",
        "notices",
        "offer",
        "on_change",
        "own_changes",
        "peer",
        "services",
        "tag",
        "tls",
        "view",
    )

    def __init__(self, services: Services, offer: Offer, on_change: Callable[[], None]) -> None:
        self.services = services
        self.offer = offer
        self.on_change = on_change
        self.address = ""
        self.tls = ""
        self.peer = Peer("", 0)
        self.mechanisms: Sequence[str] = ()
        """Of SASL, for this connection."""
        self.account: PersonsMail | None = None
        self.confined = False
        """What was logged in with gives less than the whole account (auth/scope.py)."""
        self.live: LiveSession | None = None
        """Its row on the list of who is logged in."""
        self.end: Callable[[str], None] = _stay
        """Ends the talk with a reason; the conversation's."""
        self.login_name = ""
        self.client = ""
        """What it calls itself (ID)."""
        self.decision = 0
        """auth.contract.Granted.decision"""
        self.features: set[Feature] = set()
        self.view: View | None = None
        self.notices: Notices | None = None
        """None until NOTIFY is used."""
        self.own_changes = OwnChanges()
        self.filters: Mapping[str, bytes] = {}
        """Named searches, while a command runs that may name one (see named_searches.py)."""
        self.tag = b""
        """Of the command that runs; SEARCH answers name it."""
        self.bad_commands = 0
        self.compressed = False
        """COMPRESS was accepted."""
        self.annotations: AnnotationWatch | None = None
        """Since METADATA or METADATA-SERVER was enabled."""
        self.login_failures = 0
        self.leaving = False
        """LOGOUT was handled: nothing more is read."""

    def meet(self, peer: Peer) -> None:
        """The client is there."""
        self.peer, self.address, self.tls = peer, peer.address, peer.tls_version
        self.mechanisms = self.services.mechanisms.names(peer)

    @property
    def state(self) -> State:
        if self.account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.view is None else State.SELECTED

    @property
    def utf8(self) -> bool:
        """Whether the client enabled UTF-8 in mailbox names and quoted strings."""
        return Feature.IMAP4REV2 in self.features or Feature.UTF8_ACCEPT in self.features

    @property
    def mail(self) -> PersonsMail:
        """All mail that the client may use, as one store; only for commands of logged-in states."""
        if self.account is None:
            raise BadSyntax("Log in first")
        return self.account

    @property
    def administers(self) -> bool:
        """Whether the client may do what administrators may, as of now. Raises StoreUnavailable."""
        return not self.confined and self.services.administration.is_admin(self.login_name)

    @property
    def selected(self) -> View:
        """The open mailbox; only for commands of the selected state."""
        if self.view is None:
            raise BadSyntax("Select a mailbox first")
        return self.view

    @property
    def writable(self) -> View:
        """The open mailbox, for a command that changes it. Raises Refused after EXAMINE."""
        view = self.selected
        if view.read_only:
            raise Refused("The mailbox is open read-only", "NOPERM")
        return view

    def forget_command(self) -> None:
        """Let go of what belonged to the command that ran."""
        self.own_changes.clear()
        self.filters = {}

    # --- logging in and out ----------------------------------------------------------------------

    async def enter(self, granted: Granted, attempt: Attempt) -> None:
        """Open the account, as far as it was granted. Raises Refused when too many are in."""
        services = self.services
        if not services.presence.arrive(granted.account):
            raise Refused("Too many connections are logged in to this account; close a mail program elsewhere", "LIMIT")
        try:
            own = await services.store.open(granted.account)
        except BaseException:
            services.presence.depart(granted.account)
            raise
        mail = PersonalMail(own, granted.login_name, services.store, services.neighbours, services.sharing)
        self.confined = granted.scope.is_limited
        self.account = ConfinedMail(mail, granted.scope) if self.confined else mail
        self.login_name = granted.login_name
        self.decision = granted.decision
        self.live = services.sessions.begin("imap", granted, attempt, services.clock.now_seconds(), self._end_live)

    def _end_live(self, reason: str) -> None:
        self.end(reason)

    def name_client(self, client: str) -> None:
        """The client said what it is called (ID)."""
        self.client = client
        if self.live is not None:
            self.services.sessions.client_named(self.live, client)
            if self.decision:
                self.services.authenticator.client_named(self.decision, client)

    async def leave_account(self) -> None:
        """Close what is open and give the account's store back."""
        live, self.live = self.live, None
        if live is not None:
            self.services.sessions.leave(live)
        annotations, self.annotations = self.annotations, None
        if annotations is not None:
            await annotations.close()
        self.close_view()
        notices, self.notices = self.notices, None
        if notices is not None:
            notices.close()
        account, self.account = self.account, None
        if account is not None:
            self.services.presence.depart(account.account)
            await account.close()

    # --- the open mailbox ------------------------------------------------------------------------

    async def open_view(self, mailbox: Mailbox, *, read_only: bool) -> View:
        """Open a mailbox in place of the one that is open."""
        self.close_view()
        account = self.mail
        unwatch = account.watch(mailbox.id, self.on_change)
        try:
            image = await account.image(mailbox.id)
            if read_only or Feature.IMAP4REV2 in self.features:
                first_recent = (await account.status(mailbox.id)).first_recent_uid
            else:
                first_recent = await first_recent_uid(account, mailbox.id)
                if first_recent != image.uidnext:  # claiming changed something
                    image = await account.image(mailbox.id)
        except BaseException:
            unwatch()
            raise
        rights = account.last_rights(mailbox.id)
        read_only = read_only or not rights & Rights.WRITABLE
        self.view = View(image, unwatch, read_only=read_only, first_recent_uid=first_recent, rights=rights)
        if self.live is not None:
            self.live.mailbox = mailbox.name
        return self.view

    def close_view(self) -> None:
        """Forget the open mailbox, if any."""
        view, self.view = self.view, None
        if view is not None:
            view.unwatch()
            if self.live is not None:
                self.live.mailbox = ""

    async def look_at_rights(self) -> None:
        """Before a command that uses the open mailbox: when it is somebody else's and may not be read any more, nothing
        is in it from now on, also of what is in memory already. Raises MailboxMissing when it is out of bounds."""
        view = self.view
        if view is None or view.image.deleted:
            return
        if self.confined or not is_own(view.image.mailbox.id):
            await self.mail.image(view.image.mailbox.id)

    async def updates(self, rule: ExpungeRule) -> AsyncIterator[bytes]:
        """The untagged responses that the client is owed, in pieces, some of which are empty."""
        yield await self.annotation_news()
        async for piece in self._view_updates(rule):
            yield piece

    @property
    def is_plain(self) -> bool:
        """Whether `annotation_news`, `plain_updates` and `rights_news` are all that may be owed: no NOTIFY, no
        searches that are kept up to date."""
        return self.notices is None and (self.view is None or not self.view.contexts)

    async def plain_updates(self, view: View, rule: ExpungeRule) -> bytes:
        """What happened in the open mailbox, in one piece."""
        return await owed_updates(view, self.mail, self.features, rule)

    def rights_news(self, view: View) -> bytes:
        """When the client may do more or less in the open mailbox than it was told."""
        return rights_lines(view, self.mail.last_rights(view.image.mailbox.id))

    async def annotation_news(self) -> bytes:
        """metadata-resp without values, for what others changed (RFC 5464 section 4.4.2, RFC 5465 section 5.6)."""
        enabled = not self.features.isdisjoint((Feature.METADATA, Feature.METADATA_SERVER))
        asked = self.notices is not None and self.notices.asks_annotations
        if self.account is None or not (enabled or asked):
            return b""
        try:
            if self.annotations is None:
                self.annotations = await AnnotationWatch.begin(
                    self.account, self.services.store, self.services.clock, self.on_change
                )
            news = await self.annotations.news()
        except MailError:
            return b""
        told = [(name, entries) for name, entries in news if self._tells_annotations(name)]
        if self.notices is not None and len(told) > self.services.limits.notify_responses:
            return self.notices.overflow()
        return b"".join(
            b"* METADATA %b %b\r\n"
            % (
                self.encode_name(name) if name else b'""',
                b" ".join(astring(entry.encode("ascii")) for entry in entries),
            )
            for name, entries in told
        )

    def _tells_annotations(self, name: str) -> bool:
        """Whether those of a mailbox, or of the server (an empty name), were asked for in either way."""
        if Feature.METADATA in self.features or (not name and Feature.METADATA_SERVER in self.features):
            return True
        return self.notices is not None and self.notices.covers_annotations(name)

    async def _view_updates(self, rule: ExpungeRule) -> AsyncIterator[bytes]:
        """Those for the open mailbox: searches that are kept up to date say what vanished before it is expunged, and
        everything else when the client knows of it."""
        view = self.view
        if view is None:
            return
        wish = self.notices.wish if self.notices is not None else EVERYTHING
        told: list[bytes] = []
        try:
            if view.contexts and Change.EXPUNGES in wish.changes:
                if not view.image.deleted:
                    await self.mail.image(view.image.mailbox.id)
                told += [context.before_updates() for context in view.contexts.values()]
            told.append(await owed_updates(view, self.mail, self.features, rule, wish))
        except MailError:
            if not any(told):
                raise
        yield b"".join(told)
        for context in tuple(view.contexts.values()):
            async for piece in context.after_updates():
                yield piece
        yield self.rights_news(view)

    # --- names -----------------------------------------------------------------------------------

    def decode_name(self, raw_name: bytes) -> str:
        """A mailbox name from the wire, canonical. A separator at the end is let go: it only says that the client
        means to make names below (RFC 9051 section 6.3.4). Raises Refused when it can't be decoded."""
        return canonical_name(self.decode_text(raw_name).rstrip(SEPARATOR))

    def decode_text(self, raw_name: bytes) -> str:
        """The text of a name or pattern. Raises Refused when it can't be decoded.

        Before UTF-8 is enabled, names are modified UTF-7 (RFC 3501 section 5.1.3). Raw UTF-8 is taken too
        when it is valid: RFC 9051 section 5.1 names it as what clients may send.
        """
        try:
            return raw_name.decode("utf-8") if self.utf8 or not raw_name.isascii() else decode_utf7(raw_name)
        except (UnicodeDecodeError, InvalidUtf7):
            raise Refused("The mailbox name is not encoded as it must be", "CANNOT") from None

    def encode_name(self, name: str) -> bytes:
        """A mailbox name for the wire, as this client can read it."""
        return mailbox_name(name, utf8=self.utf8)


def _stay(reason: str) -> None:
    """Where no conversation drives the session."""
