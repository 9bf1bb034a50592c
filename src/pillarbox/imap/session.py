"""One client: who it is, what it switched on, which mailbox it has open.

Must never: know sockets. The conversation owns a session and drives it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import State
from pillarbox.imap.services import Services
from pillarbox.imap.updates import ExpungeRule, first_recent_uid, owed_updates, rights_lines
from pillarbox.imap.view import View
from pillarbox.imap.wire.writer import mailbox_name
from pillarbox.mail.errors import MailError
from pillarbox.mail.names import SEPARATOR, canonical_name
from pillarbox.mail.rights import Rights
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7
from pillarbox.sharing.person import PersonalMail
from pillarbox.store.contract import Mailbox


class Offer(Protocol):
    """What the server has for clients, computed from the registry of commands."""

    def capabilities(self, session: Session) -> bytes:
        """The names to tell in the session's state, with spaces between."""
        ...

    def feature(self, name: str) -> Feature | None:
        """What `ENABLE name` (upper case) switches on."""
        ...


class Session:
    """The state of RFC 9051 section 3 with what belongs to it."""

    __slots__ = (
        "account",
        "address",
        "bad_commands",
        "compressed",
        "features",
        "leaving",
        "login_failures",
        "login_name",
        "offer",
        "on_change",
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
        self.account: PersonalMail | None = None
        self.login_name = ""
        self.features: set[Feature] = set()
        self.view: View | None = None
        self.tag = b""
        """Of the command that runs; SEARCH answers name it."""
        self.bad_commands = 0
        self.compressed = False
        """COMPRESS was accepted."""
        self.login_failures = 0
        self.leaving = False
        """LOGOUT was handled: nothing more is read."""

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
    def mail(self) -> PersonalMail:
        """All mail that the client may use, as one store; only for commands of logged-in states."""
        if self.account is None:
            raise BadSyntax("Log in first")
        return self.account

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
                image = await account.image(mailbox.id)
        except BaseException:
            unwatch()
            raise
        rights = account.last_rights(mailbox.id)
        read_only = read_only or not rights & Rights.WRITABLE
        self.view = View(image, unwatch, read_only=read_only, first_recent_uid=first_recent, rights=rights)
        return self.view

    def close_view(self) -> None:
        """Forget the open mailbox, if any."""
        view, self.view = self.view, None
        if view is not None:
            view.unwatch()

    async def updates(self, rule: ExpungeRule) -> bytes:
        """The untagged responses that the client is owed for its open mailbox."""
        view = self.view
        if view is None:
            return b""
        if not view.contexts:
            updates = await owed_updates(view, self.mail, self.features, rule)
            return updates + rights_lines(view, self.mail.last_rights(view.image.mailbox.id))
        told: list[bytes] = []
        try:
            if not view.image.deleted:
                await self.mail.image(view.image.mailbox.id)
            told += [context.before_updates() for context in view.contexts.values()]
            told.append(await owed_updates(view, self.mail, self.features, rule))
            told += [await context.after_updates() for context in view.contexts.values()]
            told.append(rights_lines(view, self.mail.last_rights(view.image.mailbox.id)))
        except MailError:
            if not any(told):
                raise
        return b"".join(told)

    async def leave_account(self) -> None:
        """Close what is open and give the account's store back."""
        self.close_view()
        account, self.account = self.account, None
        if account is not None:
            await account.close()

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
