from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from signals import noise, silence, tone

from satellite.core.audio import Float32, Int16, to_float32
from satellite.dsp.slow_gain import SlowGain

BLOCK = 160


def course(gain: SlowGain, sound: Int16) -> list[float]:
    """The gain at the end of every 10 ms."""
    found = []
    for at in range(0, len(sound) - BLOCK + 1, BLOCK):
        gain.process(to_float32(sound[at : at + BLOCK, None]))
        found.append(gain.gain_db)
    return found


def voice(seconds: float, dbfs: float) -> Int16:
    """Half a second of room before it."""
    return np.concatenate([noise(0.5, -75), tone(300, seconds, dbfs)])


@pytest.mark.parametrize("dbfs", [-45, -30, -18, -6])
def test_in_the_end_a_voice_has_the_level_asked_for(dbfs: float) -> None:
    assert course(SlowGain(-18, 30), voice(8, dbfs))[-1] == pytest.approx(-18 - dbfs, abs=0.3)


def test_it_rises_by_6_db_a_second_and_falls_at_once() -> None:
    gain = SlowGain(-18, 30)
    rising = course(gain, voice(3, -40))
    assert max(np.diff(rising)) == pytest.approx(0.06)
    assert rising[50 + 9 + 100] - rising[50 + 9] == pytest.approx(6)
    falling = course(gain, tone(300, 0.6, -6))
    assert falling[4] < rising[-1] - 10
    assert falling[-1] == pytest.approx(-12, abs=0.3)


def test_a_gain_within_a_block_moves_in_a_straight_line() -> None:
    gain, step = SlowGain(-18, 30), np.full((BLOCK, 1), 0.5, np.float32)
    course(gain, noise(0.5, -75))
    blocks: list[Float32] = [gain.process(step)[:, 0] for _ in range(20)]
    for before, after in pairwise(blocks):
        assert np.allclose(np.diff(after), after[1] - after[0], atol=1e-6)
        assert abs(after[0] - before[-1]) <= abs(after[1] - after[0]) + 1e-6


def test_pauses_and_the_room_are_not_made_louder() -> None:
    gain = SlowGain(-18, 30)
    before = course(gain, voice(1, -30))[-1]
    assert set(course(gain, np.concatenate([silence(1), noise(5, -75)]))) == {before}
    assert set(course(SlowGain(-18, 30), noise(5, -45))) == {0.0}


def test_there_is_a_highest_gain() -> None:
    assert course(SlowGain(-18, 12), voice(8, -50))[-1] == 12


def test_settled_it_has_the_gain_of_the_voice_heard_so_far_at_once() -> None:
    gain = SlowGain(-18, 30)
    course(gain, voice(0.5, -36))
    gain.settle()
    assert gain.gain_db == pytest.approx(18, abs=0.3)


def test_settled_without_a_voice_and_after_a_reset_it_stays_as_it_was() -> None:
    gain = SlowGain(-18, 30)
    before = course(gain, voice(1, -30))[-1]
    gain.reset()
    course(gain, noise(1, -75))
    gain.settle()
    assert gain.gain_db == before > 0
