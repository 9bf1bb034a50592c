"""Whatever a client sends, a mechanism answers with a step: it never raises, and never lets in by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.auth.bearer import BearerMechanism, TokenGuide, XOAuth2Mechanism
from pillarbox.auth.claims import PasswordClaim, ScramClaim, TokenClaim
from pillarbox.auth.external import ExternalMechanism
from pillarbox.auth.sasl import Challenge, Failed, LoginMechanism, Lookup, Mechanism, PlainMechanism, Step
from pillarbox.auth.sasl_settings import CertificateName
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from pillarbox.conversation import Unbound
from tests.auth.scram_client import Bound

GUIDE = TokenGuide("", "https://login.example.org/.well-known/openid-configuration")
MAKERS: dict[str, Callable[[], Mechanism]] = {
    "PLAIN": PlainMechanism,
    "LOGIN": LoginMechanism,
    "SCRAM-SHA-256": lambda: ScramMechanism(ScramHash.SHA_256, Plus.BARE, Unbound(), lambda: b"X"),
    "SCRAM-SHA-256-PLUS": lambda: ScramMechanism(ScramHash.SHA_256, Plus.PLUS, Bound(("tls-exporter",)), lambda: b"X"),
    "OAUTHBEARER": lambda: BearerMechanism(GUIDE),
    "XOAUTH2": lambda: XOAuth2Mechanism(GUIDE),
    "EXTERNAL": lambda: ExternalMechanism(b"", CertificateName.EMAIL),
}
PIECES = st.sampled_from(
    [b"n,", b"y,", b"p=tls-exporter,", b",", b"a=x", b"n=user", b"r=abc", b"r=abcX", b"c=biws", b"p=AAAA", b"=2C", b"=",
     b"\x01", b"auth=Bearer ", b"user=", b"token==", b"\0", b"\xff", b"\xc3", b"m=ext"]
)  # fmt: skip
SENT = st.lists(st.one_of(st.binary(max_size=20), st.lists(PIECES, max_size=8).map(b"".join)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=80, deadline=None)
@given(sent=SENT)
def test_anything_may_be_sent(name: str, sent: list[bytes]) -> None:
    mechanism = MAKERS[name]()
    step: Step = mechanism.start(None)
    for data in sent:
        assert isinstance(step, Challenge)
        step = mechanism.respond(data)
        if isinstance(step, Lookup):
            step = step.then(ScramParameters(b"salt", 4096))
        if isinstance(step, Failed | PasswordClaim | ScramClaim | TokenClaim):
            return
