"""What is kept of certificates, and what a reader sees of it."""

from __future__ import annotations

import itertools
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from pillarbox.acme.folder import AcmeFolder, Busy
from pillarbox.acme.memory import Memory, recall, remember
from pillarbox.acme.names import NamesInvalid, Wanted, all_wanted, wanted
from pillarbox.acme.renewing import state, states
from pillarbox.acme.schedule import Window
from pillarbox.acme.settings import Challenge

AUTHORITY = trustme.CA()


def pair(*names: str) -> tuple[bytes, bytes]:
    made = AUTHORITY.issue_cert(*names)
    return b"".join(each.bytes() for each in made.cert_chain_pems), made.private_key_pem.bytes()


def test_a_reader_who_follows_the_link_never_finds_two_halves(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    pairs = itertools.cycle([pair("a.example"), pair("a.example")])
    folder.install("a.example", *next(pairs), 0)
    over = threading.Event()

    def replace() -> None:
        for moment in range(60):
            folder.install("a.example", *next(pairs), moment)
        over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    reads = 0
    while not over.is_set() or not reads:
        where = (tmp_path / "domains" / "a.example").resolve()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(where / "certificate.pem", where / "key.pem")
            reads += 1
        except FileNotFoundError:
            continue  # three later ones are there already
    writer.join()
    assert len(list((tmp_path / "issued" / "a.example").iterdir())) == 3


def test_links_that_a_backup_lost_are_made_again(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    chain, key = pair("a.example")
    folder.install("a.example", *pair("a.example"), 1_000)
    folder.install("a.example", chain, key, 500)  # the clock was set back
    link = tmp_path / "domains" / "a.example"
    link.unlink()
    folder.mend()
    assert (link / "certificate.pem").read_bytes() == chain
    assert (link / "key.pem").read_bytes() == key


def test_a_name_is_missing_until_its_certificate_holds_for_all_of_them(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    folder.install("a.example", *pair("b.example", "a.example"), 0)
    both, more = Wanted(("a.example", "b.example")), Wanted(("a.example", "c.example"))
    assert state(folder, both).due_seconds > 0
    assert state(folder, more).due_seconds == 0
    assert [each.wanted for each in states(folder, [])] == [both]  # issued by hand
    assert [each.wanted for each in states(folder, [more])] == [more]


def test_only_one_asks_at_a_time(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    with folder.locked(), pytest.raises(Busy, match="try again later"), AcmeFolder(tmp_path).locked():
        pass
    with folder.locked():
        pass


def test_what_was_remembered_comes_back_and_nonsense_counts_as_nothing(tmp_path: Path) -> None:
    memory = Memory(2, "no", 5.5, "af", Window(1.0, 2.0, "https://ca.example/why"), 9.0)
    remember(tmp_path, "a.example", memory)
    assert recall(tmp_path, "a.example") == memory
    for nonsense in ("", "[]", '{"window": 3}', '{"window": null, "who": 1}', "\x00"):
        (tmp_path / "a.example.json").write_text(nonsense)
        assert recall(tmp_path, "a.example") == Memory()


def test_names_are_what_the_dns_takes() -> None:
    assert wanted(["Bücher.Example.", "b.example", "b.example"], Challenge.HTTP_01).names == (
        "xn--bcher-kva.example",
        "b.example",
    )
    assert all_wanted(["*.a.example a.example", "b"], Challenge.DNS_01)[0].name == "_.a.example"
    for typed in ("", "a..b", "-a.example", "a/../b", "*.*.a", "a.*", "192.0.2.1", "a" * 64, ".".join(["ab"] * 90)):
        with pytest.raises(NamesInvalid):
            wanted([typed], Challenge.DNS_01)
