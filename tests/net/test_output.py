"""The queue of bytes to send."""

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.net.output import RECORD_BYTES, Output

pieces = st.lists(
    st.builds(
        lambda size, fill, kind: kind(bytes([fill]) * size),
        st.one_of(st.integers(0, 40), st.integers(RECORD_BYTES - 2, RECORD_BYTES + 2), st.just(3 * RECORD_BYTES)),
        st.integers(0, 255),
        st.sampled_from([bytes, bytearray, memoryview]),
    ),
    max_size=12,
)


@given(pieces, st.sampled_from([1000, RECORD_BYTES - 1, RECORD_BYTES, 2 * RECORD_BYTES]))
def test_everything_comes_out_once_in_order_however_it_is_taken(pushed: list[bytes], take: int) -> None:
    output = Output()
    for piece in pushed:
        output.push(piece)
    taken = bytearray()
    while output.size_bytes:
        piece = output.next_piece()
        assert bytes(output.next_piece()) == bytes(piece)
        taken += piece[:take]
        output.advance(min(take, len(piece)))
    assert bytes(taken) == b"".join(bytes(piece) for piece in pushed)


def test_small_writes_join_into_one_piece() -> None:
    output = Output()
    for _ in range(1000):
        output.push(b"0123456789")
    assert len(output.next_piece()) == 10_000


def test_large_bytes_are_not_copied() -> None:
    output, large = Output(), bytes(1_000_000)
    output.push(b"small")
    output.push(large)
    output.advance(len(output.next_piece()))
    assert output.next_piece() is large


def test_a_large_bytearray_may_be_changed_by_its_owner_afterwards() -> None:
    output, owned = Output(), bytearray(b"x" * 100_000)
    output.push(owned)
    owned.clear()
    assert bytes(output.next_piece()) == b"x" * 100_000


def test_a_piece_does_not_grow_once_its_sending_began() -> None:
    output = Output()
    output.push(b"first")
    begun = output.next_piece()
    output.push(b"second")
    assert bytes(begun) == b"first"
    assert bytes(output.next_piece()) == b"first"
