"""Which certificate a client is shown, and what happens when files change."""

from __future__ import annotations

import os
import shutil
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from pillarbox.net.served import NamedCertificate, Plan, ServedCertificates
from pillarbox.net.tls import CertificateFiles, CertificateUnusable, ClientAuthority, Demand, Door, Profile
from tests.net.conftest import RecordedEvents

IMAP, SIEVE = Door(), Door("managesieve")


@dataclass
class House:
    """Certificates in a folder as an operator, or ACME, leaves them there."""

    path: Path
    authority: trustme.CA
    events: RecordedEvents

    @property
    def domains(self) -> Path:
        return self.path / "domains"

    def issue(self, *names: str) -> tuple[bytes, bytes]:
        """Certificate with chain, and key."""
        made = self.authority.issue_cert(*names)
        return b"".join(each.bytes() for each in made.cert_chain_pems), made.private_key_pem.bytes()

    def put(self, folder: Path, *names: str) -> CertificateFiles:
        certificate, key = self.issue(*names)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "certificate.pem").write_bytes(certificate)
        (folder / "key.pem").write_bytes(key)
        return CertificateFiles(folder / "certificate.pem", folder / "key.pem")

    def serve(self, **plan: object) -> ServedCertificates:
        given = {"default": self.put(self.path / "default", "default.test"), "folder": self.domains} | plan
        return ServedCertificates(Plan(**given), (IMAP, SIEVE), self.events)  # type: ignore[arg-type]  # by name

    def shown(self, served: ServedCertificates, name: str | None, door: Door = IMAP) -> str:
        """The first name of the certificate that a client sees which asks for `name`, after a whole handshake."""
        client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_context.check_hostname = False
        self.authority.configure_trust(client_context)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
        server = served.tls(door).context_for(name or "").wrap_bio(to_server, to_client, server_side=True)
        for side in (client, server, client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        seen = client.getpeercert(binary_form=True)
        assert seen is not None
        names = x509.load_der_x509_certificate(seen).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return str(next(iter(names.value)).value)

    def told(self, event: str) -> list[dict[str, object]]:
        return [dict(fields) for name, fields in self.events.seen if name == event]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, trustme.CA(), RecordedEvents())


def test_every_name_is_shown_its_certificate_and_strangers_the_default(house: House) -> None:
    house.put(house.domains / "mail.example.org", "one.test", "imap.example.org")
    house.put(house.domains / "wild", "*.example.net")
    house.put(house.domains / "www.example.net", "exact.test", "www.example.net")
    served = house.serve()
    wanted = {
        "mail.example.org": "one.test",  # the folder's own name
        "imap.example.org": "one.test",  # a name in it
        "IMAP.example.org".lower(): "one.test",
        "a.example.net": "*.example.net",
        "www.example.net": "exact.test",  # a whole name before a wildcard
        "a.b.example.net": "default.test",  # a wildcard is one label (RFC 9525 section 6.3)
        "example.net": "default.test",
        "other.test": "default.test",
        "default.test": "default.test",
    }
    assert {name: house.shown(served, name) for name in wanted} == wanted
    assert {name: house.shown(served, name, SIEVE) for name in wanted} == wanted
    assert house.shown(served, None) == "default.test"


def test_settings_win_over_folders_and_a_folder_over_names_in_others(house: House) -> None:
    named = house.put(house.path / "named", "named.test", "a.test")
    house.put(house.domains / "a.test", "folder-a.test")
    house.put(house.domains / "b.test", "folder-b.test")
    house.put(house.domains / "aaa.test", "folder-aaa.test", "b.test")
    served = house.serve(named=(NamedCertificate(named, ("extra.test", "a.test")),))
    shown = [house.shown(served, name) for name in ("a.test", "extra.test", "b.test")]
    assert shown == ["named.test", "named.test", "folder-b.test"]


def test_a_certificate_for_the_main_name_takes_the_place_of_the_default(house: House) -> None:
    served = house.serve(main_name="mail.example.org")
    assert house.shown(served, None) == "default.test"
    house.put(house.domains / "mail.example.org", "public.test")
    served.look()
    assert [house.shown(served, name) for name in (None, "stranger.test")] == ["public.test", "public.test"]


def test_added_replaced_and_removed_certificates_are_seen_by_the_next_look(house: House) -> None:
    served = house.serve()
    assert house.shown(served, "new.test") == "default.test"
    house.put(house.domains / "new.test", "first.test")
    assert served.look() == []
    assert house.shown(served, "new.test") == "first.test"
    under_way = served.tls(IMAP).context_for("new.test")
    house.put(house.domains / "new.test", "second.test")
    served.look()
    assert house.shown(served, "new.test") == "second.test"
    assert under_way is not served.tls(IMAP).context_for("new.test")  # what began with the first ends with it
    shutil.rmtree(house.domains / "new.test")
    served.look()
    assert house.shown(served, "new.test") == "second.test"  # it may be back in a moment
    served.look()
    assert house.shown(served, "new.test") == "default.test"
    names = [name for name, _ in house.events.seen]
    assert names == ["certificate.added", "certificate.replaced", "certificate.removed"]
    assert house.told("certificate.replaced")[0]["names"] == "new.test second.test"


def test_a_folder_that_is_away_between_two_looks_loses_nothing(house: House) -> None:
    house.put(house.domains / "a.test", "first.test")
    served = house.serve()
    house.events.seen.clear()
    for _ in range(3):
        (house.domains / "a.test").rename(house.path / "aside")
        served.look()
        (house.path / "aside").rename(house.domains / "a.test")
        served.look()
        assert house.shown(served, "a.test") == "first.test"
    assert house.told("certificate.removed") == []


def test_a_pair_that_is_half_replaced_shows_the_old_one_until_it_is_whole(house: House) -> None:
    files = house.put(house.domains / "a.test", "old.test")
    served = house.serve()
    certificate, key = house.issue("new.test")
    cut = certificate[: len(certificate) // 2]
    broken = [cut, certificate, certificate + b"-----BEGIN CERTIFICATE-----\nAAAA", b""]
    for half in broken:
        files.certificate_path.write_bytes(half)
        assert len(served.look()) == 1
        assert house.shown(served, "a.test") == "old.test"
        assert served.look() == []  # said once
    assert [said["then"] for said in house.told("certificate.unusable")] == ["the one before is served on"] * 4
    files.certificate_path.write_bytes(certificate)
    files.key_path.write_bytes(key)
    assert served.look() == []
    assert house.shown(served, "a.test") == "new.test"


def test_an_atomic_replacement_of_equal_size_and_time_is_seen(house: House) -> None:
    files = house.put(house.domains / "a.test", "one.test")
    served = house.serve()
    stamp = files.certificate_path.stat()
    house.put(house.path / "next", "two.test")
    for name in ("key.pem", "certificate.pem"):
        os.utime(house.path / "next" / name, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        (house.path / "next" / name).replace(house.domains / "a.test" / name)
    served.look()
    assert house.shown(served, "a.test") == "two.test"


def test_a_folder_that_was_never_usable_is_told_of_and_mended_later(house: House) -> None:
    files = house.put(house.domains / "a.test", "a.test")
    key = files.key_path.read_bytes()
    files.key_path.unlink()
    (house.domains / "empty").mkdir(parents=True)
    (house.domains / ".unfinished").mkdir(parents=True)
    served = house.serve()
    assert house.shown(served, "a.test") == "default.test"
    [said] = house.told("certificate.unusable")
    assert (said["then"], str(said["error"]).endswith("No such file or directory")) == ("not served", True)
    files.key_path.write_bytes(key)
    served.look()
    assert house.shown(served, "a.test") == "a.test"


def test_what_the_settings_name_must_be_usable_at_the_start(house: House) -> None:
    named = house.put(house.path / "named", "named.test")
    named.key_path.write_bytes(b"")
    with pytest.raises(CertificateUnusable, match=r"key\.pem"):
        house.serve(named=(NamedCertificate(named),))


def test_replaced_client_authorities_count_for_the_next_client(house: House, tmp_path: Path) -> None:
    path = tmp_path / "clients.pem"
    house.authority.cert_pem.write_to_path(str(path))
    door = Door(clients=ClientAuthority(path, Demand.OPTIONAL))
    served = ServedCertificates(Plan(house.put(tmp_path / "default", "default.test")), (door,), house.events)
    before = served.context(door, "")
    trustme.CA().cert_pem.write_to_path(str(path))
    served.look()
    after = served.context(door, "")
    assert [len(each.get_ca_certs()) for each in (before, after)] == [1, 1]
    assert before.get_ca_certs() != after.get_ca_certs()
    path.write_text("nobody")
    assert [str(error) for error in served.look()] == [f"{path}: no PEM certificates of authorities in it"]
    assert served.context(door, "") is after


def test_days_left_are_counted_and_every_certificate_is_held(house: House) -> None:
    house.put(house.domains / "a.test", "a.test")
    served = house.serve()
    now = datetime.now(UTC)
    made = house.authority.issue_cert("soon.test", not_after=now + timedelta(days=3, hours=1))
    soon = house.put(house.domains / "soon.test", "x.test")
    soon.certificate_path.write_bytes(made.cert_chain_pems[0].bytes())
    soon.key_path.write_bytes(made.private_key_pem.bytes())
    served.look()
    assert {held.names[0] for held in served.held()} == {"default.test", "a.test", "soon.test"}
    held = served.held_for("soon.test")
    assert held is not None
    assert held.days_left(now.timestamp()) == 3
    assert held.days_left((now + timedelta(days=4)).timestamp()) == -1


def test_the_modern_profile_is_tls_1_3_alone(house: House) -> None:
    served = house.serve(profile=Profile.MODERN)
    assert served.context(IMAP, "").minimum_version is ssl.TLSVersion.TLSv1_3
    assert house.shown(served, "default.test") == "default.test"
