"""Certificates from a real authority: pebble looks at the challenges itself."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from acme import messages
from cryptography import x509

from pillarbox.acme.authority import Authority
from pillarbox.acme.issuing import Office, Reason, issue, rehearse, revoke
from pillarbox.acme.names import Wanted, wanted
from pillarbox.acme.renewing import serial_of, state
from pillarbox.acme.rounds import Result, When, go_round
from pillarbox.acme.settings import Challenge
from pillarbox.acme.trouble import AcmeTrouble
from pillarbox.net.settings import ListenAddress
from tests.acme.conftest import MakeOffice
from tests.acme.pebble import KEY_ID, MAC_KEY, Pebble, pebble

NAMES = Wanted(("mail.example.org", "imap.example.org"))


def files(office: Office) -> list[Path]:
    return [path for path in Path(office.folder.challenges.path).parents[1].rglob("*") if path.is_file()]


def served(office: Office, name: str) -> Path:
    return office.folder.challenges.path.parents[1] / "domains" / name


def verified(authority: Pebble, pair: Path, host: str) -> None:
    """A client that trusts the authority shakes hands with who has the pair."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair / "certificate.pem", pair / "key.pem")
    client = ssl.create_default_context(cadata=authority.root())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in tuple(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass


def test_a_certificate_by_http_is_whole_private_and_trusted_and_can_be_revoked(
    authority: Pebble, office: MakeOffice
) -> None:
    asking = office()
    first = issue(asking, NAMES)
    assert sorted(first.names) == sorted(NAMES.names)
    for host in NAMES.names:
        verified(authority, served(asking, "mail.example.org"), host)
    assert [path for path in files(asking) if path.stat().st_mode & 0o077] == []
    assert asking.folder.challenges.are_pending() is False
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", authority.http_port), 30)

    key = asking.folder.key_pem("mail.example.org")
    second = issue(asking, NAMES)
    assert (served(asking, "mail.example.org") / "certificate.pem").read_bytes() == second.chain_pem
    assert serial_of(second) != serial_of(first)
    assert asking.folder.key_pem("mail.example.org") != key

    revoke(asking, second, Reason.KEY_COMPROMISE)
    assert (authority.status(serial_of(second)), authority.status(serial_of(first))) == ("Revoked", "Valid")
    assert served(asking, "mail.example.org").exists() is False
    assert asking.folder.all() == []


def test_wildcards_come_by_dns_and_the_records_go_again(authority: Pebble, office: MakeOffice, tmp_path: Path) -> None:
    noting = tmp_path / "hook"
    python, hook, url = authority.hook()
    noting.write_text(f'#!/bin/sh\necho "$2 $3 $ACME_DOMAIN" >> {tmp_path}/said\nexec {python} {hook} "$@"\n')
    noting.chmod(0o700)
    asking = office(challenge=Challenge.DNS_01, dns_hook=(str(noting), url))
    issued = issue(asking, wanted(["*.example.net", "example.net"], Challenge.DNS_01))
    verified(authority, served(asking, "_.example.net"), "imap.example.net")
    assert sorted(issued.names) == ["*.example.net", "example.net"]
    record = "_acme-challenge.example.net example.net"
    said = (tmp_path / "said").read_text().splitlines()
    assert said == [f"present {record}"] * 2 + [f"cleanup {record}"] * 2


def test_a_private_authority_knows_its_customers_by_a_key(tmp_path: Path, office: MakeOffice) -> None:
    key = tmp_path / "binding.key"
    key.write_text(MAC_KEY + "\n")
    with pebble(tmp_path, wants_binding=True) as strict:
        there = {"directory_url": strict.directory_url, "ca_path": strict.ca_path}
        where = (ListenAddress("127.0.0.1", strict.http_port),)
        with pytest.raises(AcmeTrouble, match=r"wants acme\.eab_key_id and acme\.eab_key_path"):
            issue(office(listen=where, **there), NAMES)
        url = rehearse(office(listen=where, eab_key_id=KEY_ID, eab_key_path=key, **there), NAMES)
        assert url == strict.directory_url


def test_nothing_is_issued_in_a_rehearsal(office: MakeOffice) -> None:
    asking = office()
    rehearse(asking, NAMES)
    assert asking.folder.all() == []


def test_terms_have_to_be_agreed_to(office: MakeOffice) -> None:
    with pytest.raises(AcmeTrouble, match=r"read \S+ and set acme\.terms_agreed = true"):
        issue(office(terms_agreed=False), NAMES)


def test_a_refused_challenge_says_why_and_the_next_try_waits(authority: Pebble, office: MakeOffice) -> None:
    authority.lead("away.example.org", "127.0.0.2")
    asking = office()
    outcome, *_ = go_round(asking, [Wanted(("away.example.org",))], When.DUE)
    assert outcome.result is Result.FAILED
    assert "away.example.org: the authority does not reach this machine: look at the DNS records" in outcome.error
    now = asking.clock.now_seconds()
    again = state(asking.folder, Wanted(("away.example.org",)))
    assert (again.is_due(now), again.is_due(now + 901), again.memory.failures) == (False, True, 1)
    assert asking.folder.challenges.are_pending() is False


def test_a_program_that_fails_is_quoted_and_asked_to_clean_up(tmp_path: Path, office: MakeOffice) -> None:
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/said\n[ $1 = cleanup ] || {{ echo 'no such zone'; exit 3; }}\n")
    hook.chmod(0o700)
    with pytest.raises(AcmeTrouble, match=r"present _acme-challenge\.\S+ ended with 3; it said: no such zone"):
        issue(office(challenge=Challenge.DNS_01, dns_hook=(str(hook),)), NAMES)
    assert (tmp_path / "said").read_text().split() == ["present", "cleanup"]
    hook.write_text("#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(AcmeTrouble, match=r"took longer than acme\.dns_hook_seconds \(0\.2\)"):
        issue(office(challenge=Challenge.DNS_01, dns_hook=(str(hook),), dns_hook_seconds=0.2), NAMES)


def test_a_broken_directory_is_told_in_plain_words(authority: Pebble, office: MakeOffice, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(authority.root())
    for changes, words in (
        ({"directory_url": "https://127.0.0.1:9/dir"}, "can't be reached"),
        ({"directory_url": authority.management_url + "roots/0"}, "does not answer as an ACME server does"),
        ({"directory_url": authority.directory_url + "ectory"}, "does not answer as an ACME server does"),
        ({"directory_url": "http://127.0.0.1:9/dir"}, 'has to begin with "https://"'),
        ({"ca_path": other}, "for a private authority set acme.ca_path"),
        ({"ca_path": tmp_path / "none.pem"}, "there is no file"),
    ):
        with pytest.raises(AcmeTrouble, match=words):
            issue(office(**changes), NAMES)


def test_an_account_that_the_authority_forgot_is_made_anew(authority: Pebble, office: MakeOffice) -> None:
    asking = office()
    home = asking.folder.accounts_path
    rehearse(asking, NAMES)
    path = next(home.rglob("account.json"))
    before = path.read_text()
    path.unlink()
    rehearse(asking, NAMES)  # the same key: the account that is there
    assert path.read_text() == before
    path.write_text(before.replace('", "contact"', '99", "contact"'))
    with pytest.raises(AcmeTrouble, match="has forgotten the account; try again"):
        rehearse(asking, NAMES)
    rehearse(asking, NAMES)
    assert path.read_text() == before


def test_a_changed_contact_is_told_to_the_authority(office: MakeOffice, tmp_path: Path) -> None:
    rehearse(office(), NAMES)
    rehearse(office(contact=("other@example.org",)), NAMES)
    (path,) = office().folder.accounts_path.rglob("account.json")
    assert json.loads(path.read_text())["contact"] == ["mailto:other@example.org"]


def test_an_authority_that_wants_other_names_proved_writes_no_file(
    office: MakeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = office(challenge=Challenge.TLS_ALPN_01)
    ask = Authority.order

    def twist(self: Authority, *given: Any) -> Any:
        order: Any = ask(self, *given)
        there = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value="../../domains/x")
        twisted = [each.update(body=each.body.update(identifier=there)) for each in order.authorizations]
        return order.update(authorizations=twisted)

    monkeypatch.setattr(Authority, "order", twist)
    with pytest.raises(AcmeTrouble, match=r"wants other names proved: \.\./\.\./domains/x"):
        issue(asking, NAMES)
    assert asking.folder.challenges.path.exists() is False


def test_no_challenge_is_answered_where_another_program_is(authority: Pebble, office: MakeOffice) -> None:
    with (
        socket.create_server(("127.0.0.1", authority.http_port)),
        pytest.raises(AcmeTrouble, match="another program is there already; stop it, let it pass"),
    ):
        issue(office(), NAMES)


def test_a_certificate_for_another_key_is_never_served(office: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = office()
    before = issue(asking, NAMES)
    monkeypatch.setattr("pillarbox.acme.authority.Authority.certificate", lambda *_: before.chain_pem)
    outcome, *_ = go_round(asking, [NAMES], When.NOW)
    assert (outcome.result, outcome.error) == (Result.FAILED, "the authority sent a certificate for another key")
    now = asking.folder.find("mail.example.org")
    assert now is not None
    assert now.chain_pem == before.chain_pem
    assert x509.load_pem_x509_certificate(now.chain_pem) == before.certificate
