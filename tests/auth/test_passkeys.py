"""Passkeys: what a browser may answer once, in time, from our pages; and everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factors import Factor, Verdict
from pillarbox.auth.passkeys import MAX_ANSWER_CHARACTERS, Passkeys
from pillarbox.auth.settings import MultiFactorSettings
from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.store.contract import AccountId
from tests.auth.software_authenticator import SoftwareAuthenticator

ALICE, BOB = AccountId("a" * 32), AccountId("b" * 32)
SETTINGS = MultiFactorSettings(passkey_origins=("https://mail.example.org", "https://www.example.org/"))


class Server:
    def __init__(self, folder: Path) -> None:
        self.clock = HeldClock()
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.passkeys = Passkeys(self.directory, self.clock, SETTINGS, NoEvents())

    def registered(self, account: AccountId = ALICE, origin: str = "https://mail.example.org") -> SoftwareAuthenticator:
        key = SoftwareAuthenticator(origin)
        made = self.passkeys.register(account, key.create(self.passkeys.ask_to_register(account, "alice")), "key ring")
        assert isinstance(made, Factor), made
        return key

    def options(self, account: AccountId = ALICE) -> str:
        options = self.passkeys.ask_to_assert(account)
        assert options is not None
        return options


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.directory.close()


def test_a_registered_passkey_opens_and_each_answer_does_so_once(server: Server) -> None:
    key = server.registered()
    answer = key.get(server.options())
    assert [server.passkeys.verify(ALICE, answer) for _ in range(2)] == [Verdict.RIGHT, Verdict.EXPIRED]
    assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.RIGHT


def test_the_options_name_us_and_ask_for_no_passkey_twice(server: Server) -> None:
    assert server.passkeys.ask_to_assert(ALICE) is None
    key = server.registered(origin="https://www.example.org")
    registration, assertion = json.loads(server.passkeys.ask_to_register(ALICE, "alice")), json.loads(server.options())
    assert (registration["rp"], registration["user"]["name"]) == (
        {"name": "Pillarbox", "id": "mail.example.org"},
        "alice",
    )
    assert (assertion["rpId"], assertion["timeout"]) == ("mail.example.org", 300_000)
    mine = json.loads(key.get(json.dumps(assertion)))["id"]
    assert [each["id"] for each in registration["excludeCredentials"]] == [mine]
    assert [each["id"] for each in assertion["allowCredentials"]] == [mine]


@pytest.mark.parametrize("lie", [{"rp_id": "evil.example"}, {"type": "webauthn.create"}])
def test_an_answer_for_another_site_or_purpose_is_wrong(server: Server, lie: dict[str, str]) -> None:
    key = server.registered()
    assert server.passkeys.verify(ALICE, key.get(server.options(), **lie)) is Verdict.WRONG


def test_an_answer_from_another_origin_is_wrong_even_below_our_name(server: Server) -> None:
    key = server.registered()
    for origin in ("https://evil.mail.example.org", "http://mail.example.org", "https://mail.example.org:444", "null"):
        key.origin = origin
        assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.WRONG
    key.origin, key.framed = "https://mail.example.org", True
    assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.WRONG
    impostor = SoftwareAuthenticator("https://evil.example")
    answer = impostor.create(server.passkeys.ask_to_register(ALICE, "alice"))
    assert server.passkeys.register(ALICE, answer, "") is Verdict.WRONG


def test_a_challenge_is_ours_young_and_of_one_account_and_purpose(server: Server) -> None:
    key = server.registered()
    assert server.passkeys.verify(ALICE, key.get(server.options(), challenge="A" * 43)) is Verdict.EXPIRED
    registration = server.passkeys.ask_to_register(ALICE, "alice")
    challenge = json.loads(registration)["challenge"]
    assert server.passkeys.verify(ALICE, key.get(server.options(), challenge=challenge)) is Verdict.EXPIRED
    server.registered(BOB)
    assert server.passkeys.verify(ALICE, key.get(server.options(BOB))) is Verdict.EXPIRED
    options = server.options()
    server.clock.advance(SETTINGS.passkey_seconds + 1)
    assert server.passkeys.verify(ALICE, key.get(options)) is Verdict.EXPIRED


def test_only_so_many_challenges_are_open_at_once(server: Server) -> None:
    key = server.registered()
    first = server.options()
    for _ in range(8):
        server.clock.advance(1)
        server.options()
    assert server.passkeys.verify(ALICE, key.get(first)) is Verdict.EXPIRED
    assert server.directory.rows("SELECT count(*) FROM passkey_challenge") == [(8,)]


def test_a_counter_that_does_not_rise_is_a_copy_and_one_that_stays_zero_has_none(server: Server) -> None:
    key = server.registered()
    key.sign_count = 41
    assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.RIGHT
    for count in (41, 0, -1):
        key.sign_count = count
        assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.WRONG
    syncing = server.registered()
    for _ in range(2):
        syncing.sign_count = -1  # 0 when it answers
        assert server.passkeys.verify(ALICE, syncing.get(server.options())) is Verdict.RIGHT


def test_an_answer_without_a_touch_with_another_key_or_of_somebody_else_is_wrong(server: Server) -> None:
    key = server.registered()
    key.flags = 0
    assert server.passkeys.verify(ALICE, key.get(server.options())) is Verdict.WRONG
    forger = SoftwareAuthenticator()
    forger.credential = key.credential
    assert server.passkeys.verify(ALICE, forger.get(server.options())) is Verdict.WRONG
    his = server.registered(BOB)
    assert server.passkeys.verify(ALICE, his.get(server.options())) is Verdict.WRONG


def test_a_passkey_belongs_to_one_account(server: Server) -> None:
    key = server.registered()
    answer = key.create(server.passkeys.ask_to_register(BOB, "bob"))
    assert server.passkeys.register(BOB, answer, "") is Verdict.WRONG


def _mangled(answer: str, path: tuple[str, ...], value: Any) -> str:  # anything JSON has
    document = json.loads(answer)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=2)
)
FIELDS = st.sampled_from(
    [
        *((name,) for name in ("id", "rawId", "type", "response", "authenticatorAttachment")),
        *(
            ("response", name)
            for name in ("clientDataJSON", "authenticatorData", "signature", "attestationObject", "transports")
        ),
    ]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("passkeys"))
    yield server
    server.directory.close()


@settings(max_examples=60, deadline=None)
@given(field=FIELDS, value=ANYTHING, cut=st.integers(0, 400))
def test_no_answer_that_is_mangled_or_cut_is_an_error(
    shared: Server, field: tuple[str, ...], value: Any, cut: int
) -> None:
    key = shared.registered()
    for mangle in (lambda answer: _mangled(answer, field, value), lambda answer: answer[:cut]):
        assert isinstance(shared.passkeys.verify(ALICE, mangle(key.get(shared.options()))), Verdict)
        registration = mangle(SoftwareAuthenticator().create(shared.passkeys.ask_to_register(BOB, "bob")))
        assert isinstance(shared.passkeys.register(BOB, registration, ""), Verdict | Factor)
    with shared.directory.change() as connection:
        connection.execute("DELETE FROM passkey")


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["attestationObject", "authenticatorData", "signature"]),
    at=st.integers(0, 300),
    bits=st.integers(1, 255),
)
def test_no_bytes_of_an_authenticator_are_an_error(shared: Server, name: str, at: int, bits: int) -> None:
    key = shared.registered()
    for answer in (
        key.get(shared.options()),
        SoftwareAuthenticator().create(shared.passkeys.ask_to_register(BOB, "bob")),
    ):
        response = json.loads(answer)["response"]
        if name not in response:
            continue
        raw = bytearray(base64url_to_bytes(response[name]))
        raw[at % len(raw)] ^= bits
        changed = _mangled(answer, ("response", name), bytes_to_base64url(bytes(raw)))
        if name == "attestationObject":
            assert isinstance(shared.passkeys.register(BOB, changed, ""), Verdict | Factor)
        else:
            assert shared.passkeys.verify(ALICE, changed) is Verdict.WRONG
    with shared.directory.change() as connection:
        connection.execute("DELETE FROM passkey")


def test_an_answer_may_not_be_endless_nor_deep(server: Server) -> None:
    key = server.registered()
    answer = json.loads(key.get(server.options()))
    answer["more"] = "x" * MAX_ANSWER_CHARACTERS
    assert server.passkeys.verify(ALICE, json.dumps(answer)) is Verdict.WRONG
    assert server.passkeys.verify(ALICE, "[" * MAX_ANSWER_CHARACTERS) is Verdict.WRONG
