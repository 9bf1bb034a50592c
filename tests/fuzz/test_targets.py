"""A short run of every fuzz target, always the same one, and all that longer runs (`python -m tests.fuzz`) found."""

from __future__ import annotations

import base64

import pytest

from pillarbox.auth.contract import Granted
from pillarbox.auth.scram import Plus, ScramMechanism
from pillarbox.auth.scram_keys import ScramHash
from tests.fuzz.mutate import mutations
from tests.fuzz.starts import starts
from tests.fuzz.targets import NONCE, TARGETS, Bindings, Door, exchanged, right_proof

RUNS = {"framer": 2_000, "sasl": 2_000, "scram": 1_500, "mime": 500, "ldap": 2_000}
SEED = 20_261_123


@pytest.mark.parametrize("target", TARGETS)
def test_good_input_and_all_that_was_ever_found_is_taken(target: str) -> None:
    for data in starts(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_input_finds_nothing(target: str) -> None:
    for data in mutations(starts(target), RUNS[target], SEED):
        TARGETS[target](data)


def test_the_right_password_gets_in_by_scram_so_that_damage_is_damage_to_something() -> None:
    first, last = b"n,,n=fred,r=fyko", b"c=biws,r=fyko" + NONCE
    proof = base64.b64encode(right_proof(first[3:], b"fyko", last))
    mechanism = ScramMechanism(ScramHash.SHA_256, Plus.BARE, Bindings(), lambda: NONCE)
    turn, claims = exchanged(mechanism, [first, last + b",p=" + proof, b""], Door())
    assert isinstance(turn, Granted)
    assert len(claims) == 1
