"""Bearer tokens: which are good, what a client is told of the others, and how often the issuer is asked."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk

from pillarbox.auth.bearer import BearerMechanism, TokenGuide, XOAuth2Mechanism
from pillarbox.auth.claims import Claim, TokenClaim, VouchedClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.oauth.authenticator import TokenAuthenticator
from pillarbox.auth.oauth.fetching import Fetcher, IssuerUnavailable
from pillarbox.auth.oauth.issuer import Issuer
from pillarbox.auth.oauth.settings import OAuthSettings, TokenCheck
from pillarbox.auth.oauth.tokens import TokenJudge, TokenRefused
from pillarbox.auth.sasl import Challenge, Failed, SaslFault
from pillarbox.clock import HeldClock, SystemClock
from pillarbox.conversation import Peer
from pillarbox.events import NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId
from tests.auth.issuer import AUDIENCE, TokenIssuer, https_issuer

SETTINGS = OAuthSettings(issuer="https://login.example.org", audience=(AUDIENCE, "mail"), client_id="pillarbox")
GUIDE = TokenGuide("mail", "https://login.example.org/.well-known/openid-configuration")
HERE = Attempt("192.0.2.7", "OAUTHBEARER", "TLSv1.3")


def judge(issuer: TokenIssuer, settings: OAuthSettings = SETTINGS, clock: Any = None) -> TokenJudge:
    used = clock or SystemClock()
    fetcher: Any = issuer  # stands in for Fetcher
    return TokenJudge(settings, Issuer(settings, fetcher, used), fetcher, Secret("s3cret"), used)


def refusal(issuer: TokenIssuer, token: str, settings: OAuthSettings = SETTINGS) -> str:
    with pytest.raises(TokenRefused) as refused:
        judge(issuer, settings).owner(Secret(token))
    return str(refused.value)


# --- tokens ---------------------------------------------------------------------------------------


def test_a_good_token_names_its_account() -> None:
    issuer = TokenIssuer()
    assert judge(issuer).owner(Secret(issuer.token(email="Alice@Example.org"))).login_name == "alice@example.org"
    assert (
        judge(issuer).owner(Secret(issuer.token({"typ": "at+jwt"}, aud=["x", "mail"]))).login_name
        == "alice@example.org"
    )
    assert judge(issuer).owner(Secret(issuer.token({"kid": None, "typ": None}))).login_name == "alice@example.org"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer's"),
        ({"iss": None}, "another issuer's"),
        ({"aud": "calendar"}, "for another audience"),
        ({"aud": None}, "for another audience"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": "tomorrow"}, "with a time that is none"),
        ({"nbf": time.time() + 600}, "not good yet"),
        ({"email": None}, "without email"),
        ({"email": ["alice@example.org"]}, "without email"),
        ({"email": "a b"}, "its email is no login name"),
        ({"email_verified": False}, "with an address that is not verified"),
    ],
)
def test_a_token_with_other_claims_is_refused(claims: dict[str, Any], why: str) -> None:
    issuer = TokenIssuer()
    assert refusal(issuer, issuer.token(**claims)) == why


def test_the_leeway_forgives_clocks_that_differ() -> None:
    issuer = TokenIssuer()
    now = time.time()
    assert judge(issuer).owner(Secret(issuer.token(exp=now - 30, nbf=now + 30))).login_name == "alice@example.org"


def test_a_scope_that_is_asked_for_must_be_there() -> None:
    settings = OAuthSettings(issuer=SETTINGS.issuer, audience=(AUDIENCE,), scopes=("mail",))
    issuer = TokenIssuer()
    assert refusal(issuer, issuer.token(scope="calendar"), settings) == "without a scope that is asked for"
    for scope in ({"scope": "calendar mail"}, {"scp": ["mail"]}):
        assert judge(issuer, settings).owner(Secret(issuer.token(**scope))).login_name == "alice@example.org"


def unsigned(issuer: TokenIssuer) -> str:
    header, body, _ = issuer.token().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    assert header != none
    return f"{none}.{body}."


def test_only_signatures_of_the_issuers_keys_count() -> None:
    issuer, stranger = TokenIssuer(), TokenIssuer()
    public = base64.b64encode(json.dumps(issuer.key.as_dict(private=False)).encode())
    shared = jwk.OctKey.import_key(public, {"kid": "one"})
    header, body, signature = issuer.token().split(".")
    forged = base64.urlsafe_b64encode(b'{"iss":"https://login.example.org"}').rstrip(b"=").decode()
    assert refusal(issuer, stranger.token()) == "not signed with a key of the issuer"
    assert refusal(issuer, f"{header}.{forged}.{signature}") == "not signed with a key of the issuer"
    assert refusal(issuer, issuer.token({"kid": "two"})) == "not signed with a key of the issuer"
    assert refusal(issuer, unsigned(issuer)) == "signed with an algorithm that is not allowed"
    confused = issuer.token({"alg": "HS256"}, key=shared)
    assert refusal(issuer, confused) == "signed with an algorithm that is not allowed"
    assert refusal(issuer, issuer.token({"typ": "logout+jwt"})) == "of another type"
    assert refusal(issuer, f"{header}.{body}") == "not signed with a key of the issuer"
    for garbage in ("", "...", "a.b.c", "é.é.é", "W10.W10.W10"):
        assert refusal(issuer, garbage) == "no JSON Web Token"


def test_the_issuer_is_asked_seldom_whatever_clients_send() -> None:
    issuer, clock = TokenIssuer(), HeldClock()
    judging = judge(issuer, clock=clock)
    now = clock.now_seconds()
    good = Secret(issuer.token(exp=now + 10_000))
    for _ in range(3):
        judging.owner(good)
        with pytest.raises(TokenRefused):
            judging.owner(Secret(issuer.token({"kid": "unknown"}, exp=now + 10_000)))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    clock.advance(61)
    issuer.key = jwk.ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    issuer.published.append(issuer.key)
    assert judging.owner(Secret(issuer.token({"kid": "two"}, exp=now + 10_000))).login_name == "alice@example.org"
    assert issuer.asked[2:] == ["/keys"]


def test_known_keys_serve_on_for_a_day_while_the_issuer_is_away() -> None:
    issuer, clock = TokenIssuer(), HeldClock()
    judging = judge(issuer, clock=clock)
    good = Secret(issuer.token(exp=clock.now_seconds() + 1_000_000))
    judging.owner(good)
    issuer.answers = False
    clock.advance(4 * 3600)
    assert judging.owner(good).login_name == "alice@example.org"
    clock.advance(24 * 3600)
    with pytest.raises(IssuerUnavailable):
        judging.owner(good)


def test_an_issuer_that_calls_itself_otherwise_is_not_believed() -> None:
    issuer = TokenIssuer()
    issuer.calls_itself = "https://login.example.com"
    with pytest.raises(IssuerUnavailable):
        judge(issuer).owner(Secret(issuer.token()))


def test_introspection_asks_the_issuer_about_every_token() -> None:
    settings = OAuthSettings(
        issuer=SETTINGS.issuer,
        audience=(AUDIENCE,),
        client_id="pillarbox",
        check=TokenCheck.INTROSPECTION,
        name_claim="username",
    )
    issuer = TokenIssuer()
    issuer.active["opaque"] = {"active": True, "aud": AUDIENCE, "username": "alice"}
    assert judge(issuer, settings).owner(Secret("opaque")).login_name == "alice"
    assert refusal(issuer, "revoked", settings) == "not active"
    issuer.active["opaque"] = {"active": "yes", "aud": AUDIENCE, "username": "alice"}
    assert refusal(issuer, "opaque", settings) == "not active"


def test_a_real_web_server_is_asked_over_https_with_its_authority(tmp_path: Path) -> None:
    with https_issuer(tmp_path) as issuer:
        settings = OAuthSettings(issuer=issuer.url, audience=(AUDIENCE,))
        fetcher = Fetcher(tmp_path / "issuer-ca.pem", 30, SystemClock())
        judging = TokenJudge(settings, Issuer(settings, fetcher, SystemClock()), fetcher, Secret(""), SystemClock())
        assert judging.owner(Secret(issuer.token())).login_name == "alice@example.org"
        with pytest.raises(IssuerUnavailable):
            Fetcher(None, 30, SystemClock()).get(issuer.url + "/keys")
        with pytest.raises(IssuerUnavailable):
            fetcher.get(issuer.url.replace("https", "http") + "/keys")


def test_an_issuer_that_says_too_much_or_sends_elsewhere_is_not_followed(tmp_path: Path) -> None:
    with https_issuer(tmp_path) as issuer:
        fetcher = Fetcher(tmp_path / "issuer-ca.pem", 30, SystemClock())
        with pytest.raises(IssuerUnavailable, match="too much"):
            fetcher.get(issuer.url + "/large")
        with pytest.raises(IssuerUnavailable, match="answered 302"):
            fetcher.get(issuer.url + "/moved")
        assert issuer.asked == ["/large", "/moved"]


async def test_what_a_token_opened_closes_when_it_expires() -> None:
    issuer = TokenIssuer()
    door = TokenAuthenticator(Accounts(), judge(issuer), NoEvents())
    expires = int(SystemClock().now_seconds()) + 300
    granted = await door.decide(TokenClaim("", Secret(issuer.token(exp=expires))), HERE)
    assert isinstance(granted, Granted)
    assert granted.expires_seconds == expires + SETTINGS.leeway_seconds
    door.close()


async def test_an_issuer_that_never_answers_holds_up_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = OAuthSettings(issuer=f"https://127.0.0.1:{silent.getsockname()[1]}", audience=(AUDIENCE,))
        fetcher = Fetcher(None, 0.2, SystemClock())
        judging = TokenJudge(settings, Issuer(settings, fetcher, SystemClock()), fetcher, Secret(""), SystemClock())
        door = TokenAuthenticator(Accounts(), judging, NoEvents())
        waiting = asyncio.create_task(door.decide(TokenClaim("", Secret(TokenIssuer().token())), HERE))
        vouched = await door.decide(VouchedClaim("alice@example.org"), HERE)
        assert isinstance(vouched, Granted)
        assert await waiting == Denied(RefusalReason.UNAVAILABLE)
        door.close()


# --- the two mechanisms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (b"n,a=u@example.com,\x01host=h.example.com\x01port=143\x01auth=Bearer vF9dft4qmT==\x01\x01", "u@example.com"),
        (b"n,,\x01auth=bearer vF9dft4qmT==\x01\x01", ""),
        (b"y,a=u=2C=3Dx,\x01auth=Bearer  vF9dft4qmT==\x01\x01", "u,=x"),
    ],
)  # fmt: skip
def test_oauthbearer_reads_the_examples_of_rfc_7628(message: bytes, name: str) -> None:
    claim = BearerMechanism(GUIDE).start(message)
    assert isinstance(claim, TokenClaim)
    assert (claim.login_name, claim.token.reveal()) == (name, "vF9dft4qmT==")
    assert "vF9" not in repr(claim)


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\x01", b"n,,\x01\x01", b"n,,\x01auth=Basic eA==\x01\x01", b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01", b"p=tls-exporter,,\x01auth=Bearer a\x01\x01",
        b"n,,\x01auth=Bearer a\x01", b"n,a=\xff,\x01auth=Bearer a\x01\x01", b"n,a=x=2,\x01auth=Bearer a\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01", b"user=a\x01auth=Bearer b\x01\x01",
    ],
)  # fmt: skip
def test_oauthbearer_refuses_what_its_grammar_does_not_allow(message: bytes) -> None:
    assert BearerMechanism(GUIDE).start(message) == Failed(SaslFault.MALFORMED)


def test_xoauth2_reads_what_clients_send() -> None:
    mechanism = XOAuth2Mechanism(GUIDE)
    assert mechanism.start(None) == Challenge(b"")
    claim = mechanism.respond(b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2\x01\x01")
    assert isinstance(claim, TokenClaim)
    assert claim.login_name == "someuser@example.com"
    for name in (b"", b"user=\x01", b"user=a\xff\x01", b"user=a\0\x01"):
        assert XOAuth2Mechanism(GUIDE).start(name + b"auth=Bearer x\x01\x01") == Failed(SaslFault.MALFORMED)


class Accounts:
    """Knows alice."""

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        assert isinstance(claim, VouchedClaim)
        if claim.login_name == "alice@example.org":
            return Granted(AccountId("1"), claim.login_name)
        return Denied(RefusalReason.WRONG_CREDENTIALS)

    def client_named(self, decision: int, client: str) -> None:
        raise AssertionError("nobody asks")


async def outcome(issuer: TokenIssuer, message: str, mechanism: str = "OAUTHBEARER") -> tuple[list[bytes], object]:
    """The challenges, and how it ends."""
    door = TokenAuthenticator(Accounts(), judge(issuer), NoEvents())
    exchange = Mechanisms(tokens=GUIDE).exchange(mechanism, Peer("192.0.2.7", 1), door, HERE)
    assert exchange is not None
    challenges = []
    turn = await exchange.begin(message.encode())
    while isinstance(turn, Challenge):
        challenges.append(turn.data)
        turn = await exchange.answer(b"\x01")
    door.close()
    return challenges, turn


async def test_a_bad_token_is_told_of_in_json_before_the_login_fails() -> None:
    issuer = TokenIssuer()
    challenges, turn = await outcome(issuer, "n,,\x01auth=Bearer a.b.c\x01\x01")
    assert [json.loads(each) for each in challenges] == [
        {"status": "invalid_token", "scope": "mail", "openid-configuration": GUIDE.configuration_url}
    ]
    assert turn == Denied(RefusalReason.TOKEN)
    challenges, turn = await outcome(issuer, "user=alice\x01auth=Bearer a.b.c\x01\x01", "XOAUTH2")
    assert [json.loads(each) for each in challenges] == [{"status": "401", "schemes": "bearer", "scope": "mail"}]
    assert turn == Denied(RefusalReason.TOKEN)


async def test_a_token_opens_its_own_account_and_no_other() -> None:
    issuer = TokenIssuer()
    alice = Granted(AccountId("1"), "alice@example.org")
    assert await outcome(issuer, f"n,,\x01auth=Bearer {issuer.token()}\x01\x01") == ([], alice)
    assert await outcome(issuer, f"n,a=Alice@example.org,\x01auth=Bearer {issuer.token()}\x01\x01") == ([], alice)
    _, turn = await outcome(issuer, f"n,a=bob@example.org,\x01auth=Bearer {issuer.token()}\x01\x01")
    assert turn == Denied(RefusalReason.TOKEN)
    _, turn = await outcome(issuer, f"n,,\x01auth=Bearer {issuer.token(email='nobody@example.org')}\x01\x01")
    assert turn == Denied(RefusalReason.WRONG_CREDENTIALS)


async def test_an_issuer_that_is_away_makes_no_token_bad() -> None:
    issuer = TokenIssuer()
    issuer.answers = False
    assert await outcome(issuer, f"n,,\x01auth=Bearer {issuer.token()}\x01\x01") == (
        [],
        Denied(RefusalReason.UNAVAILABLE),
    )
