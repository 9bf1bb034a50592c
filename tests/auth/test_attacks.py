"""Attacks on the ways in that were tried by hand once, and what keeps them out."""

from __future__ import annotations

import time

import apsw
import pytest

from pillarbox.auth.oauth.tokens import TokenRefused
from pillarbox.auth.schema import MIGRATIONS
from pillarbox.auth.scram_directory import _COUNTS_IN_USE
from pillarbox.secret import Secret
from tests.auth.issuer import TokenIssuer
from tests.auth.test_oauth import judge

HASH = "SCRAM-SHA-256"


@pytest.mark.parametrize("claim", ["exp", "nbf"])
def test_times_that_are_no_numbers_of_json_are_refused(claim: str) -> None:
    issuer = TokenIssuer()
    for value in (float("inf"), float("-inf"), True, [1]):
        with pytest.raises(TokenRefused, match="with a time that is none"):
            judge(issuer).owner(Secret(issuer.token(**{claim: value})))


def test_times_too_large_for_a_float_are_compared_all_the_same() -> None:
    issuer, now = TokenIssuer(), time.time()
    assert judge(issuer).owner(Secret(issuer.token(exp=10**400))).login_name == "alice@example.org"
    with pytest.raises(TokenRefused, match="not good yet"):
        judge(issuer).owner(Secret(issuer.token(exp=now + 99, nbf=10**400)))


def steps(keys: int) -> tuple[int, list[int]]:
    """How many hundreds of steps SQLite takes to find the iteration counts among so many keys, and which they are."""
    connection = apsw.Connection(":memory:")
    for migration in MIGRATIONS:
        connection.execute(migration)
    connection.executemany(
        "INSERT INTO scram VALUES (?, '', ?, ?, x'00', x'00')",
        [(f"account {number}", HASH, 4096 if number % 2 else 65_536) for number in range(keys)],
    )
    taken = 0

    def count() -> bool:
        nonlocal taken
        taken += 1
        return False

    connection.set_progress_handler(count, 100)
    found = [row[0] for row in connection.execute(_COUNTS_IN_USE, (HASH,))]
    return taken, [count for count in found if isinstance(count, int)]


def test_what_a_stranger_starts_with_scram_costs_no_look_at_everybodys_keys() -> None:
    few, many = steps(2), steps(5_000)
    assert few[1] == many[1] == [4096, 65_536]
    assert steps(0)[1] == []
    assert many[0] <= few[0] + 1
