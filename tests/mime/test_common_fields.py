"""The header fields that are kept apart: asking them is asking the header."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.mime.common_fields import COMMON_FIELDS, common_fields
from pillarbox.mime.fields import FieldChoice, field_selector

NAMES = st.sampled_from([*sorted(COMMON_FIELDS), b"Subject", b"FROM", b"X-Other", b"Received", b"subjec", b""])
LINES = st.builds(b"".join, st.tuples(NAMES, st.sampled_from([b":", b" :", b": ", b""]), st.binary(max_size=12)))
HEADERS = st.builds(
    b"".join,
    st.tuples(
        st.lists(st.one_of(LINES, st.just(b" folded"), st.just(b"\tmore"))).map(b"\r\n".join),
        st.sampled_from([b"", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n"]),
    ),
)


@given(HEADERS, st.sets(st.sampled_from(sorted(COMMON_FIELDS)), min_size=1))
def test_common_fields_give_what_the_whole_header_gives(header: bytes, names: set[bytes]) -> None:
    select = field_selector(names, FieldChoice.ONLY)
    assert select(common_fields(header)) == select(header)


def test_what_is_not_asked_for_in_lists_is_not_kept() -> None:
    header = b"Received: a\r\nSubject: b\r\n c\r\nX-Other: d\r\nTO: e\r\n\r\n"
    assert common_fields(header) == b"Subject: b\r\n c\r\nTO: e\r\n\r\n"
