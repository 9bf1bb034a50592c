"""A real server with two workers: with multi-factor on, the account password opens no door, and its owner is told.

One story, for a server takes its time to start: alice gets a second factor while she is logged in, her mail program
goes on with the account password, then gets an app password. The restart asks a second factor of everybody.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imapclient
import pytest
from imapclient.exceptions import IMAPClientError

from pillarbox.app.second_factors import open_second_factors
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.contract import SECOND_FACTOR_ADVICE
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factors import Confirmed
from pillarbox.auth.history import LoginHistory
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.settings import MonitorSettings
from pillarbox.auth.totp import hotp, step_at
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.secret import Secret
from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer
from tests.web.server import free_port

PATIENCE_SECONDS = 60
WRONG = "User name or password is wrong"


@dataclass(frozen=True, slots=True)
class Served:
    server: PillarboxServer
    sieve_port: int
    web_port: int

    def connect(self) -> imapclient.IMAPClient:
        server = self.server
        return imapclient.IMAPClient(
            server.host, server.port, ssl_context=server.client_context(), timeout=PATIENCE_SECONDS
        )

    def refusal(self, name: str, password: str, mechanism: str = "LOGIN") -> str:
        """What an IMAP client is told."""
        with self.connect() as client:
            client.id_({"name": "Old Mail Program"})
            log_in = client.login if mechanism == "LOGIN" else client.plain_login
            with pytest.raises(IMAPClientError) as refused:
                log_in(name, password)
        assert "[AUTHENTICATIONFAILED]" in str(refused.value)
        return str(refused.value)

    def sieve_refusal(self, password: str) -> str:
        response = base64.b64encode(f"\0alice\0{password}".encode()).decode()
        with (
            socket.create_connection(("127.0.0.1", self.sieve_port), PATIENCE_SECONDS) as plain,
            self.server.client_context().wrap_socket(plain, server_hostname="localhost") as secured,
            secured.makefile("rwb") as lines,
        ):
            while not lines.readline().startswith(b"OK"):
                pass
            lines.write(f'AUTHENTICATE "PLAIN" "{response}"\r\n'.encode())
            lines.flush()
            return lines.readline().decode()

    def stream_refusal(self, password: str) -> tuple[int, str]:
        context: ssl.SSLContext = self.server.client_context()
        connection = http.client.HTTPSConnection("localhost", self.web_port, context=context, timeout=PATIENCE_SECONDS)
        credentials = base64.b64encode(f"alice:{password}".encode()).decode()
        connection.request("GET", "/events", headers={"authorization": f"Basic {credentials}"})
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
        return answer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    sieve_port, web_port = free_port(), free_port()
    config = tmp_path / "pillarbox.toml"
    config.write_text(
        f'{CHEAP_HASHES}[managesieve]\nlisten_tls = ["127.0.0.1:{sieve_port}"]\n'
        f'[web]\nlisten = ["127.0.0.1:{web_port}"]\n[events]\nstream = true\n'
    )
    server = PillarboxServer(tmp_path / "data", config=config, workers=2)
    server.add_accounts([("alice", "wonderland"), ("bob", "builder")])
    with server:
        yield Served(server, sieve_port, web_port)


def enable(data: Path, name: str) -> None:
    """As `pillarbox mfa enable` does it, from this process."""
    clock = SystemClock()
    directory, ledger = AccountDirectory.open(data / "accounts.db", clock), Ledger.open(data / "logins.db")
    factors = open_second_factors(ServerSettings(data), directory, ledger, clock, NoEvents())
    account = directory.find(name)
    assert account is not None
    enrolment = factors.enrol(account.id, name)
    assert enrolment is not None
    code = hotp(Secret(base64.b32decode(enrolment.secret.reveal())), step_at(time.time()) + 1)
    assert isinstance(factors.confirm(account.id, enrolment.factor, code), Confirmed)
    directory.close()
    ledger.close()


def subjects(client: imapclient.IMAPClient) -> list[bytes]:
    client.select_folder("INBOX")
    found = client.fetch(client.search(), ["ENVELOPE"]).values()
    return [each[b"ENVELOPE"].subject for each in found]


def test_the_account_password_opens_no_door_and_its_owner_is_told_once(served: Served) -> None:
    early = served.connect()
    early.login("alice", "wonderland")
    enable(served.server.data, "alice")
    assert early._imap.readline().startswith(b"* BYE")  # who is in with the password alone is sent away

    for mechanism in ("LOGIN", "PLAIN"):
        assert SECOND_FACTOR_ADVICE in served.refusal("alice", "wonderland", mechanism)
        assert WRONG in served.refusal("alice", "Wonderland", mechanism)
    assert WRONG in served.refusal("nobody", "wonderland")
    assert SECOND_FACTOR_ADVICE in served.sieve_refusal("wonderland")
    assert SECOND_FACTOR_ADVICE not in served.sieve_refusal("Wonderland")
    assert served.stream_refusal("wonderland") == (401, SECOND_FACTOR_ADVICE + "\n")
    status, text = served.stream_refusal("Wonderland")
    assert (status, SECOND_FACTOR_ADVICE in text) == (401, False)

    app_password = served.server.command("app-password", "add", "alice", "phone").split()[0]
    with served.connect() as program:
        program.login("alice", app_password)
        assert program.select_folder("INBOX")
    with served.connect() as bobs:
        bobs.login("bob", "builder")

    served.server.stop()  # all that was to be told is told by then
    config = served.server.config
    assert config is not None
    config.write_text(config.read_text() + '[auth.multi_factor]\nrequire = "all"\n')
    served.server.start()
    assert SECOND_FACTOR_ADVICE in served.refusal("bob", "builder")
    assert WRONG in served.refusal("bob", "Builder")
    assert SECOND_FACTOR_ADVICE in served.refusal("alice", "wonderland")
    served.server.stop()
    served.server.start()
    with served.connect() as program:
        program.login("alice", app_password)
        assert subjects(program) == [b"Your account password was used, and refused"]
        [uid] = program.search()
        text = bytes(program.fetch(uid, ["BODY[TEXT]"])[uid][b"BODY[TEXT]"]).decode()
        assert ("127.0.0.1" in text, "pillarbox app-password add" in text) == (True, True)

    ledger = Ledger.open(served.server.data / "logins.db")
    history = LoginHistory(ledger, SystemClock(), MonitorSettings()).list("alice", 100)
    ledger.close()
    reasons = [each.reason for each in history if each.result == "denied"]
    assert (reasons.count("account password, but multi-factor is on"), reasons.count("wrong credentials")) == (5, 4)
