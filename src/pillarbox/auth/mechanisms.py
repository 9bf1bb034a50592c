"""Which mechanisms there are for a client, strongest first, and an exchange for the one that it chooses.

Must never: offer what would fail for everybody; offer channel binding where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pillarbox.auth.bearer import BearerMechanism, TokenGuide, XOAuth2Mechanism
from pillarbox.auth.contract import Attempt, Authenticator
from pillarbox.auth.exchange import Exchange, ScramDirectory
from pillarbox.auth.external import ExternalMechanism
from pillarbox.auth.sasl import PASSWORD_MECHANISMS, Mechanism
from pillarbox.auth.sasl_settings import CertificateName, PasswordMechanism
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.conversation import Peer

IN_CLEAR: Final = (PasswordMechanism.PLAIN, PasswordMechanism.LOGIN)
"""Those that carry the password itself."""

MECHANISM_RFCS: Final = {
    "EXTERNAL": "4422",
    "SCRAM-SHA-256-PLUS": "7677",
    "SCRAM-SHA-256": "7677",
    "SCRAM-SHA-1-PLUS": "5802",
    "SCRAM-SHA-1": "5802",
    "OAUTHBEARER": "7628",
    "XOAUTH2": "7628",
    "PLAIN": "4616",
    "LOGIN": "9051",
}
"""Where all of those are specified that a server may offer, in the order of offers. For LOGIN there is a draft only
(see sasl.py), so it stands with the protocol, and XOAUTH2 with what came of it."""


class Mechanisms:
    """Of one server; doors share it."""

    def __init__(
        self,
        passwords: Sequence[PasswordMechanism] = IN_CLEAR,
        salts: ScramDirectory | None = None,
        certificates: CertificateName | None = None,
        tokens: TokenGuide | None = None,
    ) -> None:
        """`salts` are for SCRAM, `tokens` for OAUTHBEARER and XOAUTH2, `certificates` for EXTERNAL, which is there for
        clients that have shown one; None: it is not offered."""
        self._clear = [each.value for each in passwords if each in IN_CLEAR]
        self._hashes = [each.scram for each in passwords if each.scram is not None and salts is not None]
        self._salts = salts
        self._certificates = certificates
        self._tokens = tokens

    @property
    def take_passwords(self) -> bool:
        """Whether a password may come in clear: what the command LOGIN does."""
        return bool(self._clear)

    def names(self, peer: Peer) -> list[str]:
        """What a client at this connection may choose from."""
        return list(self._offers(peer))

    def exchange(self, name: str, peer: Peer, authenticator: Authenticator, attempt: Attempt) -> Exchange | None:
        """One AUTHENTICATE; None: there is no such mechanism for this client. `name` is in capitals."""
        make = self._offers(peer).get(name)
        return None if make is None else Exchange(make(), authenticator, self._salts, attempt)

    def _offers(self, peer: Peer) -> dict[str, Callable[[], Mechanism]]:
        offers: dict[str, Callable[[], Mechanism]] = {}
        if self._certificates is not None and peer.certificate:
            offers["EXTERNAL"] = partial(ExternalMechanism, peer.certificate, self._certificates)
        for hash in self._hashes:
            for plus in (Plus.PLUS, Plus.BARE) if peer.bindings.types else (Plus.BARE,):
                offers[hash.value + plus.value] = partial(ScramMechanism, hash, plus, peer.bindings)
        if self._tokens is not None:
            offers["OAUTHBEARER"] = partial(BearerMechanism, self._tokens)
            offers["XOAUTH2"] = partial(XOAuth2Mechanism, self._tokens)
        offers |= {name: PASSWORD_MECHANISMS[name] for name in self._clear}
        return offers
