"""A sound read at a place and a speed of another clock."""

from __future__ import annotations

import numpy as np
import pytest

from satellite.core.audio import Int16
from satellite.dsp.shift import Shifter


def tone(at: np.ndarray) -> np.ndarray:
    return 10_000 * np.sin(2 * np.pi * 1_000 * at / 16_000)


def read(begin: int, count: int) -> Int16:
    return np.rint(tone(np.arange(begin, begin + count))).astype(np.int16)


def test_at_one_speed_it_is_read_as_it_is() -> None:
    shifter = Shifter(read)
    shifter.aim(320.2, 3.0, anew=True)
    np.testing.assert_array_equal(shifter.take(160), read(320, 160))
    np.testing.assert_array_equal(shifter.take(160), read(480, 160))


@pytest.mark.parametrize("ppm", [-300, 25, 100])
def test_at_another_speed_it_is_bent_to_within_an_lsb(ppm: float) -> None:
    shifter, speed = Shifter(read), 1 + ppm / 1e6
    shifter.aim(1_000.0, ppm, anew=True)
    for block in range(300):
        expected = tone(1_000 + (160 * block + np.arange(160)) * speed)
        np.testing.assert_allclose(shifter.take(160), expected, atol=1.2)


def test_a_place_that_is_a_little_off_is_gone_to_slowly_and_one_far_off_at_once() -> None:
    asked: list[int] = []
    shifter = Shifter(lambda begin, count: [asked.append(begin), read(begin, count)][1])
    shifter.aim(0.0, 0.0, anew=True)
    shifter.take(160)
    for block in range(1, 20):
        shifter.aim(160.0 * block + 50, 0.0, anew=False)
        shifter.take(160)
    assert asked[-1] < 19 * 160 + 2
    shifter.aim(10_000.0, 0.0, anew=False)
    shifter.take(160)
    assert asked[-1] == 10_000
