"""Who somebody is, over TLS and two workers: nobody becomes somebody else, nobody learns who there is, and what was
said once can't be said again (security.md, attacks 3, 4 and 5)."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import pytest

from tests.abuse.conftest import NEIGHBOURS, PASSWORD
from tests.abuse.talk import RudeClient
from tests.auth.scram_client import client_proof
from tests.differential.client import Client, Reply, literal
from tests.servers.pillarbox_server import PillarboxServer

PATIENCE_SECONDS = 60
ENABLED = NEIGHBOURS[:3]


def plain(name: str, password: str, authzid: str = "") -> bytes:
    return base64.b64encode(f"{authzid}\0{name}\0{password}".encode())


def by_login(client: Client, name: str, password: str) -> Reply:
    return client.command(f'LOGIN {name} "{password}"'.encode())


def by_plain(client: Client, name: str, password: str) -> Reply:
    return client.command(b"AUTHENTICATE PLAIN " + plain(name, password))


def by_login_mechanism(client: Client, name: str, password: str) -> Reply:
    tag = client.start(b"AUTHENTICATE LOGIN")
    for word in (name, password):
        assert client.read_line().startswith(b"+ ")
        client.send(base64.b64encode(word.encode()) + b"\r\n")
    return client.finish(tag)


class Scram:
    """A SCRAM-SHA-256 exchange over the wire, step by step; keeps what was said."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.bare = f"n={name},r=fyko+d2lbbFgONRv9qkxdawL".encode()
        self.tag = client.start(b"AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(b"n,," + self.bare))
        self.challenge = base64.b64decode(client.read_line()[2:])
        self.fields = dict(part.split(b"=", 1) for part in self.challenge.split(b","))

    def answer(self, password: str) -> bytes:
        """client-final-message"""
        unproved = b"c=biws,r=" + self.fields[b"r"]
        message = b",".join((self.bare, self.challenge, unproved))
        salt, count = base64.b64decode(self.fields[b"s"]), int(self.fields[b"i"])
        return unproved + b",p=" + base64.b64encode(client_proof(salt, count, message, password.encode()))

    def finish(self, answer: bytes) -> Reply:
        """Send it, and see how it ends."""
        self.client.send(base64.b64encode(answer) + b"\r\n")
        line = self.client.read_line()
        if line.startswith(b"+ "):
            self.client.send(b"\r\n")
            return self.client.finish(self.tag)
        status, _, text = line.rstrip(b"\r\n").removeprefix(self.tag + b" ").partition(b" ")
        return Reply(status.decode(), text)


def by_scram(client: Client, name: str, password: str) -> Reply:
    exchange = Scram(client, name)
    return exchange.finish(exchange.answer(password))


WAYS: dict[str, Callable[[Client, str, str], Reply]] = {
    "LOGIN": by_login,
    "PLAIN": by_plain,
    "LOGIN mechanism": by_login_mechanism,
    "SCRAM": by_scram,
}


@pytest.fixture(scope="module")
def marked(neighbourhood: PillarboxServer) -> PillarboxServer:
    """Each neighbour has a mailbox of its own name."""
    for name in ENABLED:
        with Client(neighbourhood, PATIENCE_SECONDS) as client:
            client.login(name, PASSWORD)
            client.ok(b"CREATE of-" + name.encode())
    return neighbourhood


def whose(client: Client) -> set[str]:
    """By the mailboxes that somebody sees."""
    listed = b" ".join(client.ok(b'LIST "" "of-*"').untagged)
    return {name for name in NEIGHBOURS if b"of-" + name.encode() in listed}


# --- attack 4: identities ---------------------------------------------------------------------------


def test_people_with_one_password_at_one_time_reach_their_own_mail_by_every_way(marked: PillarboxServer) -> None:
    met: list[tuple[str, str, set[str]]] = []

    def visit(name: str) -> None:
        for way, log_in in WAYS.items():
            with Client(marked, PATIENCE_SECONDS) as client:
                assert log_in(client, name, PASSWORD).status == "OK"
                met.append((name, way, whose(client)))

    threads = [threading.Thread(target=visit, args=(name,)) for name in ENABLED * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(met) == len(threads) * len(WAYS)
    assert [each for each in met if each[2] != {each[0]}] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_password_that_is_remembered_opens_for_nothing_else(marked: PillarboxServer, way: str) -> None:
    for name, password in (("fred", PASSWORD), ("fred", PASSWORD + "x"), ("nobody", PASSWORD), ("mallory", PASSWORD)):
        with Client(marked, PATIENCE_SECONDS) as client:
            reply = WAYS[way](client, name, password)
            assert (reply.status, reply.code) == (
                ("OK", "CAPABILITY") if (name, password) == ("fred", PASSWORD) else ("NO", "AUTHENTICATIONFAILED")
            )


def test_nobody_acts_as_somebody_else(marked: PillarboxServer) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        refused = client.command(b"AUTHENTICATE PLAIN " + plain("bob", PASSWORD, authzid="fred"))
        assert refused.status == "NO"
        assert client.command(b"AUTHENTICATE PLAIN " + plain("bob", PASSWORD, authzid="BOB")).status == "OK"
        assert whose(client) == {"bob"}


def test_a_second_login_in_one_breath_changes_nobody(marked: PillarboxServer) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        client.send(f'a LOGIN bob "{PASSWORD}"\r\nb LOGIN fred "{PASSWORD}"\r\n'.encode())
        assert client.finish(b"a").status == "OK"
        assert client.finish(b"b").status == "BAD"
        assert whose(client) == {"bob"}


def test_who_comes_after_unauthenticate_has_nothing_of_who_was_there(marked: PillarboxServer) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        client.login("bob", PASSWORD)
        client.ok(b"SELECT of-bob")
        client.ok(b"UNAUTHENTICATE")
        assert client.command(b"FETCH 1 FLAGS").status == "BAD"
        client.login("fred", PASSWORD)
        assert client.command(b"FETCH 1 FLAGS").status == "BAD"
        assert whose(client) == {"fred"}


@pytest.mark.parametrize("way", WAYS)
def test_whoever_can_not_enter_hears_the_same_to_the_last_octet(marked: PillarboxServer, way: str) -> None:
    heard = set()
    for name, password in (("fred", "wrong"), ("mallory", "wrong"), ("mallory", PASSWORD), ("nobody", "wrong")):
        with Client(marked, PATIENCE_SECONDS) as client:
            reply = WAYS[way](client, name, password)
            heard.add((reply.status, reply.text, tuple(reply.untagged), client.ok(b"NOOP").text))
    assert len(heard) == 1


def test_salts_tell_nobody_who_there_is(marked: PillarboxServer) -> None:
    """They differ between names, never between two questions about one, and all look alike."""
    salts: dict[str, set[tuple[bytes, bytes]]] = {}
    for name in ("fred", "nobody", "mallory", "fred", "nobody", "FRED"):
        with Client(marked, PATIENCE_SECONDS) as client:
            fields = Scram(client, name).fields
            salts.setdefault(name.lower(), set()).add((fields[b"s"], fields[b"i"]))
    assert {name: len(each) for name, each in salts.items()} == {"fred": 1, "nobody": 1, "mallory": 1}
    assert len({(len(salt), count) for each in salts.values() for salt, count in each}) == 1


# --- attack 5: what was said once -------------------------------------------------------------------


def test_a_recorded_scram_exchange_opens_nothing_again(marked: PillarboxServer) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        exchange = Scram(client, "fred")
        recorded = exchange.answer(PASSWORD)
        assert exchange.finish(recorded).status == "OK"
    with Client(marked, PATIENCE_SECONDS) as client:
        replay = Scram(client, "fred")
        assert replay.fields[b"r"] != exchange.fields[b"r"]
        assert replay.finish(recorded).status in ("NO", "BAD")
    with Client(marked, PATIENCE_SECONDS) as client:
        replay = Scram(client, "fred")
        with_our_nonce = recorded.replace(exchange.fields[b"r"], replay.fields[b"r"])
        assert replay.finish(with_our_nonce).status == "NO"


@pytest.mark.parametrize(
    "header",
    [
        b"y,,",  # "you can't do it": somebody took PLUS out of the list (RFC 5802 section 6)
        b"p=tls-exporter,,",
        b"p=tls-unique,,",
        b"p=,,",
        b"n,a=bob,",
        b"n,,m=1,",
        b"n",
        b"",
    ],
)
def test_channel_binding_is_not_talked_away(marked: PillarboxServer, header: bytes) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        assert b"AUTH=SCRAM-SHA-256-PLUS" in client.ok(b"CAPABILITY").untagged[0]
        first = base64.b64encode(header + b"n=fred,r=fyko")
        assert client.command(b"AUTHENTICATE SCRAM-SHA-256 " + first).status in ("NO", "BAD")
        assert client.command(b"SELECT INBOX").status == "BAD"


def test_the_binding_of_another_connection_is_refused_although_the_password_is_right(marked: PillarboxServer) -> None:
    with Client(marked, PATIENCE_SECONDS) as client:
        bare, header = b"n=fred,r=fyko", b"p=tls-exporter,,"
        tag = client.start(b"AUTHENTICATE SCRAM-SHA-256-PLUS " + base64.b64encode(header + bare))
        challenge = base64.b64decode(client.read_line()[2:])
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        unproved = b"c=%b,r=%b" % (base64.b64encode(header + b"\x5a" * 32), fields[b"r"])
        salt, count = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        proof = client_proof(salt, count, b",".join((bare, challenge, unproved)), PASSWORD.encode())
        client.send(base64.b64encode(unproved + b",p=" + base64.b64encode(proof)) + b"\r\n")
        reply = client.finish(tag)
    assert (reply.status, reply.code) == ("NO", "AUTHENTICATIONFAILED")


# --- attack 3: octets that no name has --------------------------------------------------------------

ARGUMENTS = [
    b"CREATE %s",
    b"DELETE %s",
    b"RENAME INBOX %s",
    b"RENAME %s other",
    b"SUBSCRIBE %s",
    b"STATUS %s (MESSAGES)",
    b"SELECT %s",
    b'LIST "" %s',
    b'LIST %s "*"',
    b"APPEND %s {1+}\r\nx",
    b"SEARCH TEXT %s",
    b"SEARCH HEADER %s x",
    b"SETACL INBOX %s lr",
    b"GETACL %s",
    b"GETQUOTAROOT %s",
    b"SETMETADATA INBOX (/private/comment %s)",
    b'SETMETADATA INBOX (%s "x")',
    b'ID ("name" %s)',
    b"COPY 1 %s",
]
HOSTILE = [
    b"a\0b",
    b"a\rb",
    b"a\nb",
    b"x\r\nz9 OK injected\r\nz8 LOGOUT",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
]


@pytest.mark.parametrize("octets", HOSTILE)
def test_octets_that_no_name_has_are_never_a_line_of_their_own(marked: PillarboxServer, octets: bytes) -> None:
    with RudeClient(marked, PATIENCE_SECONDS) as client:
        client.login("eve", PASSWORD)
        client.ok(b"SELECT INBOX")
        for argument in ARGUMENTS:
            for written in (literal(octets), b'"' + octets.translate(None, b"\r\n") + b'"'):
                reply = client.command(argument % written)
                assert reply.status in ("OK", "NO", "BAD"), argument
                assert b"\0" not in reply.text + b"".join(reply.untagged), argument
                assert [line for line in reply.untagged if not line.startswith((b"* ", b"+ "))] == [], argument
        assert b"of-eve" in b"".join(client.ok(b'LIST "" "of-*"').untagged)
