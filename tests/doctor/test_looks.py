"""Each look finds what is wrong, says how to mend it, and leaves what is right alone."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pillarbox.app.mail import open_mail
from pillarbox.check.findings import Monitoring, Verdict
from pillarbox.clock import SystemClock
from pillarbox.doctor import certificate, configuration, folder, machine, mail, naming, reach
from pillarbox.doctor.findings import Finding, exit_code
from pillarbox.events import NoEvents
from pillarbox.net.settings import ListenAddress, TlsSettings
from pillarbox.store.contract import AccountId
from pillarbox.web.settings import ClientSetupSettings
from tests.doctor.patients import Bars, FakeNames, installed, patient_of, settings_of
from tests.web.sites import make_files

GOOD, NOTE, WARNING, FAILURE, UNKNOWN = (
    Verdict.GOOD, Verdict.NOTE, Verdict.WARNING, Verdict.FAILURE, Verdict.UNKNOWN,
)  # fmt: skip


def verdicts(found: list[Finding]) -> dict[str, Verdict]:
    """By name; the worst of several. Whatever is to be mended says how."""
    assert all(each.remedy for each in found if each.verdict in (WARNING, FAILURE, UNKNOWN))
    order = (GOOD, NOTE, UNKNOWN, WARNING, FAILURE)
    said: dict[str, Verdict] = {}
    for each in found:
        before = said.get(each.name, GOOD)
        said[each.name] = max(before, each.verdict, key=order.index)
    return said


# --- data folder --------------------------------------------------------------------------------------


async def test_a_folder_that_is_its_owners_alone_is_good(tmp_path: Path) -> None:
    found = await folder.look(patient_of(settings_of(installed(tmp_path / "data", "alice"))))
    assert verdicts(found) == {"folder.rights": GOOD, "folder.secrets": GOOD}


async def test_a_folder_and_secrets_that_others_can_read_are_named(tmp_path: Path) -> None:
    data = installed(tmp_path / "data", "alice")
    data.chmod(0o750)
    (data / "accounts.db").chmod(0o640)
    found = await folder.look(patient_of(settings_of(data)))
    assert verdicts(found) == {"folder.rights": FAILURE, "folder.secrets": FAILURE}
    assert {each.remedy for each in found} == {f"chmod 700 {data}", f"chmod 600 {data / 'accounts.db'}"}


async def test_files_of_another_user_are_named(tmp_path: Path) -> None:
    data = installed(tmp_path / "data", "alice")
    for number in range(5):
        (data / "mail" / f"stray{number}").touch()
        os.chown(data / "mail" / f"stray{number}", 12_345, -1)
    (stranger,) = (each for each in await folder.look(patient_of(settings_of(data))) if "strangers" in each.name)
    assert stranger.verdict is FAILURE
    assert "and 2 more" in stranger.text


async def test_another_users_installation_is_told_and_left_alone(tmp_path: Path) -> None:
    data = installed(tmp_path / "data", "alice")
    for path in (data, *data.rglob("*")):
        os.chown(path, 12_345, -1)
    before = sorted(data.rglob("*"))
    patient = patient_of(settings_of(data))
    found = [*await folder.look(patient), *await configuration.look(patient), *await mail.look(patient)]
    said = verdicts(found)
    assert (said["folder.owner"], said["configuration.accounts"], said["mail.whole"]) == (WARNING, UNKNOWN, UNKNOWN)
    assert sorted(data.rglob("*")) == before


async def test_no_folder_is_a_beginning(tmp_path: Path) -> None:
    patient = patient_of(settings_of(tmp_path / "none"))
    assert verdicts(await folder.look(patient)) == {"folder.there": WARNING}
    assert verdicts(await mail.look(patient)) == {"mail.whole": NOTE}
    assert not (tmp_path / "none").exists()


# --- configuration ------------------------------------------------------------------------------------


async def test_every_mistake_in_the_file_is_a_finding(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("workers = 0\n[net]\nbogus = 1\n")
    found = await configuration.look(patient_of(settings_of(installed(tmp_path / "d", "a@example.org")), config=config))
    assert [each.text for each in found if each.verdict is FAILURE] == [
        f"{config}: line 1: workers: must be 1 or more",
        next(each.text for each in found if "net.bogus" in each.text),
    ]


async def test_settings_that_no_program_could_use_are_a_finding(tmp_path: Path) -> None:
    setup = ClientSetupSettings(domains=("example.org",), smtp_host="not a host")
    patient = patient_of(settings_of(installed(tmp_path / "d", "a"), client_setup=setup))
    assert verdicts(await configuration.look(patient))["configuration.client_setup"] is FAILURE
    assert verdicts(await certificate.look(patient)) == {"certificate.there": NOTE}
    assert await naming.look(patient) == []


async def test_accounts_outside_the_served_domains_are_named(tmp_path: Path) -> None:
    patient = patient_of(settings_of(installed(tmp_path / "d", "alice", "bob@example.org", "eve@example.net")))
    (elsewhere,) = (each for each in await configuration.look(patient) if each.verdict is WARNING)
    assert elsewhere.text == "accounts of domains that are not in client_setup.domains: example.net"


async def test_choices_are_noted_and_are_no_mistakes(tmp_path: Path) -> None:
    settings = settings_of(
        installed(tmp_path / "d", "alice"),
        client_setup=ClientSetupSettings(),
        listen=(ListenAddress("127.0.0.1", 9993),),
        web=(ListenAddress("127.0.0.1", 8443),),
    )
    said = verdicts(await configuration.look(patient_of(settings)))
    assert said == {
        "configuration.file": GOOD, "configuration.port": NOTE, "configuration.domains": NOTE,
        "configuration.sending": NOTE, "configuration.web_port": NOTE, "configuration.accounts": GOOD,
    }  # fmt: skip


async def test_a_broken_account_database_is_a_failure(tmp_path: Path) -> None:
    data = installed(tmp_path / "d")
    (data / "accounts.db").write_bytes(b"no database" * 1000)
    said = verdicts(await configuration.look(patient_of(settings_of(data))))
    assert said["configuration.accounts"] is FAILURE


# --- certificate --------------------------------------------------------------------------------------


def operators(tmp_path: Path, **changes: object) -> TlsSettings:
    files = make_files(tmp_path, ("mail.example.org",), **changes)  # type: ignore[arg-type]  # as make_files names them
    return TlsSettings(files.certificate_path, files.key_path)


async def test_the_servers_own_certificate_is_judged(tmp_path: Path) -> None:
    from pillarbox.net.certificates import ensure_certificates

    data = installed(tmp_path / "d")
    ensure_certificates(data / "certificates", ["mail.example.org"], 30, SystemClock())
    found = await certificate.look(patient_of(settings_of(data)))
    assert verdicts(found) == {"certificate.usable": GOOD, "certificate.expiry": GOOD, "certificate.name": GOOD}
    ensure_certificates(data / "certificates", ["other.example.org"], 30, SystemClock())
    (wrong,) = (each for each in await certificate.look(patient_of(settings_of(data))) if each.verdict is FAILURE)
    assert wrong.remedy == "Add mail.example.org to tls.server_names."


@pytest.mark.parametrize(
    ("begins", "ends", "verdict", "words"),
    [
        (-90, -1, FAILURE, "it expired on"),
        (-90, 5, WARNING, "it expires on"),
        (1, 90, FAILURE, "it is valid from"),
        (-1, 90, GOOD, "valid until"),
    ],
)
async def test_the_time_of_a_certificate_is_judged(
    tmp_path: Path, begins: int, ends: int, verdict: Verdict, words: str
) -> None:
    tls = operators(tmp_path, begins=timedelta(days=begins), ends=timedelta(days=ends))
    (found,) = (
        each for each in await certificate.look(patient_of(settings_of(tmp_path, tls))) if "expiry" in each.name
    )
    assert (found.verdict, found.text.startswith(words)) == (verdict, True)


async def test_certificates_of_domains_are_judged_too_by_the_days_that_the_settings_name(tmp_path: Path) -> None:
    data = installed(tmp_path / "d")
    for name, days in (("good.example.org", 41), ("soon.example.org", 20)):
        (tmp_path / name).mkdir()
        made = make_files(tmp_path / name, (name,), ends=timedelta(days=days))
        (data / "certificates" / "domains" / name).mkdir(parents=True)
        made.certificate_path.replace(data / "certificates" / "domains" / name / "certificate.pem")
        made.key_path.replace(data / "certificates" / "domains" / name / "key.pem")
    (data / "certificates" / "domains" / "bad.example.org").mkdir()
    (data / "certificates" / "domains" / "bad.example.org" / "key.pem").touch()
    tls = replace(operators(tmp_path), warn_days_left=21)
    found = [each for each in await certificate.look(patient_of(settings_of(data, tls))) if "domains/" in each.text]
    judged = {each.text.split("domains/")[1].split("/")[0]: (each.name, each.verdict) for each in found}
    assert judged == {
        "bad.example.org": ("certificate.usable", FAILURE),
        "good.example.org": ("certificate.expiry", GOOD),
        "soon.example.org": ("certificate.expiry", WARNING),
    }


async def test_a_key_of_another_certificate_is_a_failure(tmp_path: Path) -> None:
    tls = operators(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_files(tmp_path / "other")
    mixed = TlsSettings(tls.certificate_path, other.key_path)
    (found,) = await certificate.look(patient_of(settings_of(tmp_path, mixed)))
    assert (found.verdict, "key values mismatch" in found.text) == (FAILURE, True)
    (missing,) = await certificate.look(patient_of(settings_of(tmp_path, TlsSettings(tmp_path / "none.pem"))))
    assert missing.verdict is FAILURE


async def test_a_weak_key_and_a_missing_chain_are_found(tmp_path: Path) -> None:
    tls = operators(tmp_path, key=rsa.generate_private_key(65537, 1024))
    said = verdicts(await certificate.look(patient_of(settings_of(tmp_path, tls))))
    assert FAILURE in (said.get("certificate.key"), said.get("certificate.usable"))  # OpenSSL may refuse it at once
    strong = operators(tmp_path)
    assert verdicts(await certificate.look(patient_of(settings_of(tmp_path, strong))))["certificate.chain"] is WARNING


async def test_names_for_autoconfiguration_are_missed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, operators(tmp_path), web=(ListenAddress("127.0.0.1", 443),))
    (found,) = (each for each in await certificate.look(patient_of(settings)) if "web_names" in each.name)
    assert "autoconfig.example.org, autodiscover.example.org" in found.text


@pytest.mark.parametrize(
    ("held", "name", "holds"),
    [
        (["mail.example.org"], "MAIL.example.org", True),
        (["*.example.org"], "mail.example.org", True),
        (["*.example.org"], "a.mail.example.org", False),
        (["*.example.org"], "example.org", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["*"], "localhost", False),
        ([], "mail.example.org", False),
    ],
)
def test_names_are_matched_as_clients_do(held: list[str], name: str, holds: bool) -> None:
    assert certificate.holds_for(held, name) is holds


# --- DNS ----------------------------------------------------------------------------------------------

SRV = {"_imaps._tcp.example.org": (("mail.example.org", 993),)}


@pytest.mark.parametrize(
    ("names", "address", "srv"),
    [
        (FakeNames({"mail.example.org": ("192.0.2.1",)}, SRV), NOTE, GOOD),
        (FakeNames({"mail.example.org": ("127.0.1.1",)}, SRV), NOTE, GOOD),
        (FakeNames({}, {}), WARNING, NOTE),
        (FakeNames({}, {"_imaps._tcp.example.org": (("", 0),)}), WARNING, WARNING),
        (FakeNames({}, {"_imaps._tcp.example.org": (("mail.example.org", 143),)}), WARNING, WARNING),
        (FakeNames(None, None), UNKNOWN, UNKNOWN),
    ],
)
async def test_the_dns_is_compared(tmp_path: Path, names: FakeNames, address: Verdict, srv: Verdict) -> None:
    said = verdicts(await naming.look(patient_of(settings_of(tmp_path), names)))
    assert said == {"names.address": address, "names.srv": srv}


async def test_a_machine_without_names_to_ask_says_so() -> None:
    names = naming.SystemNames()
    assert "127.0.0.1" in await names.addresses("localhost")
    assert await names.addresses("no-such-name.invalid") == ()


# --- listening ----------------------------------------------------------------------------------------


async def test_nothing_there_is_a_server_that_does_not_run(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        settings = settings_of(tmp_path, listen=(ListenAddress("127.0.0.1", bound.getsockname()[1]),))
        (found,) = await reach.look(patient_of(settings))
    assert (found.verdict, "does not run" in found.text) == (WARNING, True)


@pytest.mark.parametrize("answer", [b"* OK plain IMAP\r\n", b""])
async def test_something_without_tls_is_another_program(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        settings = settings_of(tmp_path, listen=(ListenAddress("127.0.0.1", listener.getsockname()[1]),))
        (found,) = await reach.look(patient_of(settings))
        thread.join()
    assert found.verdict is FAILURE


async def test_tls_with_another_greeting_is_another_program(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate_path, files.key_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with context.wrap_socket(accepted, server_side=True) as tls:
                tls.sendall(b"220 smtp.example.org\r\n")
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        settings = settings_of(tmp_path, listen=(ListenAddress("127.0.0.1", listener.getsockname()[1]),))
        (found,) = await reach.look(patient_of(settings))
        thread.join()
    assert (found.verdict, "220 smtp.example.org" in found.text) == (FAILURE, True)


# --- machine ------------------------------------------------------------------------------------------


async def test_the_machine_is_looked_at(tmp_path: Path) -> None:
    said = verdicts(await machine.look(patient_of(settings_of(installed(tmp_path / "d")))))
    assert said["machine.versions"] is GOOD
    assert {"machine.clock", "machine.disk", "machine.files"} <= said.keys()


@pytest.mark.parametrize(
    ("now", "newest", "verdict"),
    [(1e9, 0.0, FAILURE), (1.8e9, 1.8e9 + 301, WARNING), (1.8e9, 1.8e9 + 299, GOOD), (1.8e9, 0.0, GOOD)],
)
def test_the_clock_is_judged(now: float, newest: float, verdict: Verdict) -> None:
    assert machine.judge_clock(now, newest).verdict is verdict


@pytest.mark.parametrize(
    ("free", "total", "verdict"),
    [(10**7, 10**12, FAILURE), (5 * 10**8, 10**10, WARNING), (4 * 10**10, 10**12, WARNING), (10**11, 10**12, GOOD)],
)
def test_the_disk_is_judged(free: int, total: int, verdict: Verdict) -> None:
    assert machine.judge_disk(free, total).verdict is verdict


@pytest.mark.parametrize(("limit", "verdict"), [(256, WARNING), (1024, NOTE), (20_000, GOOD)])
def test_open_files_are_judged(limit: int, verdict: Verdict) -> None:
    assert machine.judge_files(limit, 10_000).verdict is verdict


@pytest.mark.parametrize(
    ("sqlite", "openssl", "numbers", "expected"),
    [
        ("3.51.3", "OpenSSL 3.0.19 27 Jan 2026", (3, 0), {"machine.versions": GOOD}),
        ("3.40.1", "OpenSSL 3.0.19", (3, 0), {"machine.versions": GOOD, "machine.sqlite": FAILURE}),
        ("3.54.1", "OpenSSL 1.1.1w", (1, 1), {"machine.versions": GOOD, "machine.openssl": WARNING}),
    ],
)
def test_versions_are_judged(sqlite: str, openssl: str, numbers: tuple[int, int], expected: dict[str, Verdict]) -> None:
    assert verdicts(list(machine.versions(sqlite, openssl, numbers))) == expected


# --- the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ((), Monitoring.OK), ((GOOD, NOTE), Monitoring.OK), ((UNKNOWN, GOOD), Monitoring.UNKNOWN),
        ((UNKNOWN, WARNING), Monitoring.WARNING), ((WARNING, FAILURE, UNKNOWN), Monitoring.CRITICAL),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_worst(found: tuple[Verdict, ...], code: Monitoring) -> None:
    findings = [Finding(machine._SCRIBE.area, "x", verdict, "") for verdict in found]
    assert exit_code(findings) is code


async def test_progress_is_told_for_each_account(tmp_path: Path) -> None:
    bars = Bars()
    patient = patient_of(settings_of(installed(tmp_path / "d", "alice")), progress=bars)
    store = await open_mail(patient.settings, patient.clock, NoEvents())
    for number in range(3):
        await (await store.open(AccountId(f"account{number}"))).close()
    await store.close()
    found = await mail.look(patient)
    assert (bars.told, bars.advanced) == ([("Reading mail", 3)], 3)
    assert [(each.name, each.verdict) for each in found] == [("mail.whole", GOOD), *[("mail.nobody", NOTE)] * 3]
