"""A gain that moves: smoothly, to where it shall, and the same however the sound is cut up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.dsp.fader import Fader

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None)


def taken(fader: Fader, frames: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(fader.take(frames), np.float32), (frames, 1))[:, 0]


def test_a_gain_that_stands_still_is_one_number() -> None:
    assert Fader(0.3, 100).take(50) == 0.3


def test_it_gets_there_in_the_time_it_has_and_stays() -> None:
    fader = Fader(1.0, 100)
    fader.move(0.1)
    gains = taken(fader, 200)
    assert gains[98] > np.float32(0.1)
    assert np.all(np.abs(gains[99:] - 0.1) < 1e-6)
    assert fader.take(10) == 0.1


def test_it_begins_and_ends_flat_and_never_turns_back() -> None:
    fader = Fader(0.0, 1_000)
    fader.move(1.0)
    steps = np.diff(taken(fader, 1_000))
    assert np.all(steps > -1e-6)
    assert steps[0] < steps[500] / 50
    assert steps[-1] < steps[500] / 50
    assert steps.max() < 2 / 1_000


def test_a_new_aim_on_the_way_goes_on_from_where_it_is() -> None:
    fader = Fader(1.0, 100)
    fader.move(0.0)
    before = taken(fader, 50)
    fader.move(1.0)
    after = taken(fader, 100)
    assert abs(after[0] - before[-1]) < 0.001
    assert fader.take(1) == 1.0


def test_an_aim_that_is_told_again_does_not_begin_anew() -> None:
    once, often = Fader(1.0, 100), Fader(1.0, 100)
    once.move(0.5)
    whole = taken(once, 100)
    pieces = []
    for _ in range(10):
        often.move(0.5)
        pieces.append(taken(often, 10))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_jump_is_at_once_and_ends_a_move() -> None:
    fader = Fader(1.0, 100)
    fader.move(0.0)
    fader.take(10)
    fader.jump(0.7)
    assert fader.take(100) == 0.7


@PATIENT
@given(
    st.lists(st.tuples(st.integers(0, 300), st.floats(0, 2)), max_size=6),
    st.lists(st.integers(1, 70), min_size=1, max_size=8),
)
def test_however_the_sound_is_cut_up_each_frame_has_the_same_gain(
    moves: list[tuple[int, float]], cuts: list[int]
) -> None:
    whole, pieces = Fader(1.0, 128), Fader(1.0, 128)
    for frames, gain in moves:
        whole.move(gain)
        pieces.move(gain)
        expected, got, left = taken(whole, frames), [np.zeros(0, np.float32)], frames
        for number in range(frames):
            size = min(left, cuts[number % len(cuts)])
            got.append(taken(pieces, size))
            left -= size
        np.testing.assert_array_equal(np.concatenate(got), expected)
