"""When certificates are renewed, and when a try that failed is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pillarbox.acme.authority import certificate_identifier
from pillarbox.acme.folder import Issued
from pillarbox.acme.schedule import Window, ask_again_seconds, due_seconds, pause_seconds

DAY = 86_400.0
START = datetime(2026, 11, 1, tzinfo=UTC)


def issued(days: float, serial: int = 77) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=days))
        .add_extension(
            x509.AuthorityKeyIdentifier(
                bytes.fromhex("69885b6b8746404 1e1b37b847bd0ae2cde0 1c8d4".replace(" ", "")), None, None
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return Issued("mail.example.org", b"", certificate, ("mail.example.org",))


@pytest.mark.parametrize("days", [90, 47, 6])
def test_a_third_of_the_life_is_left_at_renewal_or_a_little_more(days: int) -> None:
    certificates = [issued(days) for _ in range(8)]
    left = [each.until_seconds - due_seconds(each, None) for each in certificates]
    assert all(days * DAY / 3 <= each <= days * DAY * 11 / 30 for each in left)
    assert len(set(left)) == len(left)  # not all on one day
    assert [due_seconds(each, None) for each in certificates] == [due_seconds(each, None) for each in certificates]


def test_the_authority_chooses_the_time_but_not_until_it_is_too_late() -> None:
    each = issued(90)
    start, end = each.from_seconds + 3 * DAY, each.from_seconds + 4 * DAY
    assert start <= due_seconds(each, Window(start, end)) <= end
    late = Window(each.until_seconds, each.until_seconds + DAY)
    assert due_seconds(each, late) == each.until_seconds - 15 * DAY


def test_each_failure_is_followed_by_a_longer_pause_up_to_half_a_day() -> None:
    minutes = [pause_seconds(failures, 0) / 60 for failures in (1, 2, 3, 6, 7, 1_000_000)]
    assert minutes == [15, 30, 60, 480, 720, 720]


def test_an_authority_that_asks_for_patience_gets_it_up_to_a_week() -> None:
    assert [pause_seconds(1, seconds) for seconds in (60, 3 * DAY, 99 * DAY)] == [900, 3 * DAY, 7 * DAY]


@pytest.mark.parametrize(
    ("said", "seconds"), [("", 21_600), ("7200", 7200), ("0", 60), ("99999999", DAY), ("soon", 21_600), ("-5", 21_600)]
)
def test_renewal_information_is_asked_for_again_as_its_answer_says_within_bounds(said: str, seconds: float) -> None:
    assert ask_again_seconds(said) == seconds


def test_the_identifier_is_that_of_the_rfcs_example() -> None:
    assert certificate_identifier(issued(90, 0x8765_4321).certificate) == "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE"
