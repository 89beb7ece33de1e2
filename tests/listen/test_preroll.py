from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.listen.preroll import RingBuffer

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 40)),
        st.tuples(st.just("skip"), st.integers(0, 40)),
        st.tuples(st.just("silence"), st.just(0)),
    ),
    max_size=30,
)


@given(st.integers(1, 16), st.integers(0, 1000), OPERATIONS, st.data())
def test_it_is_the_end_of_one_long_list(
    capacity: int, start: int, operations: list[tuple[str, int]], data: st.DataObject
) -> None:
    ring, everything, value = RingBuffer(capacity, start), [0] * capacity, 1
    for operation, count in operations:
        if operation == "append":
            samples = np.arange(value, value + count, dtype=np.int16)
            value += count
            ring.append(samples)
            everything += samples.tolist()
        elif operation == "skip":
            ring.skip(count)
            everything += [0] * count
        else:
            ring.silence()
            everything = [0] * len(everything)
        assert ring.end == start + len(everything) - capacity
        assert ring.oldest == ring.end - capacity
        first = data.draw(st.integers(ring.oldest, ring.end))
        last = data.draw(st.integers(first, ring.end))
        begin = first - start + capacity
        assert ring.read(first, last).tolist() == everything[begin : begin + last - first]


@pytest.mark.parametrize(("first", "last"), [(5, 9), (9, 21), (15, 12)])
def test_what_is_not_there_cannot_be_read(first: int, last: int) -> None:
    ring = RingBuffer(10)
    ring.append(np.arange(18, dtype=np.int16))
    with pytest.raises(IndexError, match="8 to 18 are there"):
        ring.read(first, last)


def test_what_was_read_stays_as_it_was() -> None:
    ring = RingBuffer(4)
    ring.append(np.array([1, 2, 3, 4], np.int16))
    read = ring.read(0, 4)
    ring.append(np.array([5, 6, 7, 8], np.int16))
    assert read.tolist() == [1, 2, 3, 4]
