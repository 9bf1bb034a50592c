"""Settings for logging in that can't be are told at the start, with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.app.sasl import SaslUnusable, check_sasl, open_mechanisms
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.contract import Denied
from pillarbox.auth.oauth.settings import OAuthSettings, TokenCheck
from pillarbox.auth.sasl_settings import PasswordMechanism, SaslSettings
from pillarbox.auth.scram_keys import ScramHash, ScramParameters
from pillarbox.auth.settings import AccountBackend, AuthSettings
from pillarbox.clock import SystemClock
from pillarbox.conversation import Peer
from pillarbox.net.settings import TlsSettings
from tests.auth.scram_client import Bound

GOOD = OAuthSettings(issuer="https://login.example.org", audience=("imap",))


class Salts:
    async def parameters(self, hash: ScramHash, login_name: str) -> ScramParameters | Denied:
        raise AssertionError("nobody logs in")


def settings(oauth: OAuthSettings = OAuthSettings(), **auth: object) -> ServerSettings:  # noqa: B008 - frozen
    return ServerSettings(Path("data"), auth=replace(AuthSettings(oauth=oauth), **auth))  # type: ignore[arg-type]  # fields


@pytest.mark.parametrize(
    ("oauth", "told"),
    [
        (replace(GOOD, issuer="http://login.example.org"), "must begin with https://"),
        (replace(GOOD, audience=()), "set auth.oauth.audience"),
        (replace(GOOD, check=TokenCheck.INTROSPECTION), "introspection needs auth.oauth.client_id"),
        (replace(GOOD, ca_file=Path("/nowhere/ca.pem")), "auth.oauth.ca_file /nowhere/ca.pem: No such file"),
        (replace(GOOD, client_secret_file=Path("/nowhere/secret")), "client_secret_file /nowhere/secret can't be read"),
    ],
)
def test_tokens_that_would_be_dangerous_or_useless_are_not_taken(oauth: OAuthSettings, told: str) -> None:
    with pytest.raises(SaslUnusable, match=told):
        check_sasl(settings(oauth), SystemClock())
    check_sasl(settings(GOOD), SystemClock())


def test_a_server_that_nobody_can_log_in_to_does_not_start() -> None:
    with pytest.raises(SaslUnusable, match="nobody could log in"):
        check_sasl(settings(sasl=SaslSettings(())), SystemClock())
    check_sasl(settings(GOOD, sasl=SaslSettings(())), SystemClock())


def test_what_is_offered_follows_the_settings() -> None:
    bare = Peer("192.0.2.7", 1)
    bound = replace(bare, bindings=Bound(("tls-exporter",)), certificate=b"DER")
    assert open_mechanisms(settings(), Salts()).names(bare) == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    both = settings(GOOD, sasl=SaslSettings((PasswordMechanism.PLAIN, PasswordMechanism.SCRAM_SHA_1)))
    everything = replace(both, tls=TlsSettings(client_ca=Path("ca.pem")))
    assert open_mechanisms(everything, Salts()).names(bound) == [
        "EXTERNAL",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
    ]


def test_scram_is_not_offered_where_others_judge_passwords() -> None:
    assert open_mechanisms(settings(backend=AccountBackend.LDAP), Salts()).names(Peer("192.0.2.7", 1)) == [
        "PLAIN",
        "LOGIN",
    ]
