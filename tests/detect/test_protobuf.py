from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech import model

from satellite.detect.protobuf import Field, bytes_in, bytes_of, fields, integers, number_of, texts, written

NUMBERS = st.integers(1, 2**29 - 1)
FIELDS = st.lists(
    st.one_of(
        st.builds(number_of, NUMBERS, st.integers(-(2**63), 2**64 - 1)),
        st.builds(bytes_of, NUMBERS, st.binary(max_size=300)),
        st.builds(Field, NUMBERS, st.just(5), st.binary(min_size=4, max_size=4)),
        st.builds(Field, NUMBERS, st.just(1), st.binary(min_size=8, max_size=8)),
    )
)


@given(FIELDS)
def test_what_was_written_is_read(message: list[Field]) -> None:
    assert list(fields(written(message))) == message


@given(st.binary(max_size=60))
def test_whatever_is_read_ends_or_is_refused(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        list(fields(content))


@given(FIELDS, st.data())
def test_a_message_that_is_cut_off_is_no_longer_message(message: list[Field], data: st.DataObject) -> None:
    whole = written(message)
    part = whole[: data.draw(st.integers(0, max(0, len(whole) - 1)))]
    try:
        found = list(fields(part))
    except ValueError:
        return
    assert found == message[: len(found)]
    assert len(found) < len(message) or not whole


@pytest.mark.parametrize("name", ["embedding", "melspectrogram", "hey_jarvis"])
def test_a_real_graph_is_written_again_byte_for_byte(name: str) -> None:
    content = model(name).read_bytes()
    assert written(fields(content)) == content
    (graph,) = bytes_in(fields(content), 7)
    assert written(fields(graph)) == graph


def test_repeated_numbers_are_read_packed_and_apart() -> None:
    apart = [number_of(1, 3), number_of(2, 9), number_of(1, 300)]
    packed = [bytes_of(1, b"\x03\xac\x02"), number_of(2, 9)]
    assert integers(apart, 1) == integers(packed, 1) == [3, 300]


def test_a_nested_message_is_bytes_of_its_fields() -> None:
    outer = [bytes_of(4, [bytes_of(1, "name"), number_of(2, -1)])]
    (inner,) = bytes_in(fields(written(outer)), 4)
    assert texts(fields(inner), 1) == ["name"]
    assert integers(fields(inner), 2) == [2**64 - 1]
