from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from satellite.detect.window import Window


@given(st.lists(st.integers(0, 4), max_size=60))
def test_it_is_the_end_of_one_long_table(counts: list[int]) -> None:
    window, table = Window(5, 3, 7.0), np.full((5, 3), 7.0, np.float32)
    for number, count in enumerate(counts):
        rows = np.full((count, 3), number, np.float32)
        table = np.concatenate([table, rows])
        last = window.push(rows)
        np.testing.assert_array_equal(last, table[-5:])
        assert last.flags.c_contiguous


def test_one_row_may_come_as_such() -> None:
    window = Window(2, 3, 0.0)
    window.push(np.array([1, 2, 3], np.float32))
    assert window.push(np.array([4, 5, 6], np.float32)).tolist() == [[1, 2, 3], [4, 5, 6]]
