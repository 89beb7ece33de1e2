from __future__ import annotations

import numpy as np
import pytest
from signals import clipped, noise, silence, tone, with_dc

from satellite.core.audio import SILENCE_DBFS
from satellite.dsp.level import NoiseFloor, peak_dbfs, rms_dbfs


def test_a_sine_has_the_level_that_it_was_made_with() -> None:
    assert rms_dbfs(tone(440, 0.5, dbfs=-20)) == pytest.approx(-20, abs=0.01)
    assert peak_dbfs(tone(440, 0.5, dbfs=-20)) == pytest.approx(-16.99, abs=0.01)


def test_noise_has_the_level_that_it_was_made_with() -> None:
    assert rms_dbfs(noise(1.0, dbfs=-40)) == pytest.approx(-40, abs=0.1)


def test_nothing_is_louder_than_full_scale() -> None:
    square = np.tile(np.array([-32768, 32767], np.int16), 100)
    assert rms_dbfs(square) == pytest.approx(0, abs=0.001)
    assert peak_dbfs(square) == 0.0
    assert peak_dbfs(clipped(tone(440, 0.1), db=40)) == 0.0


def test_zeros_and_nothing_at_all_are_silence() -> None:
    for level in (rms_dbfs, peak_dbfs):
        assert level(silence(0.1)) == SILENCE_DBFS
        assert level(silence(0)) == SILENCE_DBFS


def test_a_single_bit_is_above_silence() -> None:
    assert SILENCE_DBFS < rms_dbfs(np.array([0, 1, 0, -1], np.int16)) < -90


def test_a_constant_counts_as_level() -> None:
    assert rms_dbfs(with_dc(silence(0.1), 3277)) == pytest.approx(-20, abs=0.01)


def test_the_floor_settles_at_the_level_of_steady_noise() -> None:
    floor = NoiseFloor()
    sound = noise(10.0, dbfs=-60)
    for begin in range(0, len(sound) - 511, 512):
        floor.process(rms_dbfs(sound[begin : begin + 512]))
    assert floor.dbfs == pytest.approx(-60, abs=1)


def test_the_floor_falls_fast_and_rises_slowly() -> None:
    floor = NoiseFloor(rise_db=0.03, fall=0.2)
    floor.process(-40)
    fallen = [floor.process(-70) for _ in range(20)][-1]
    assert fallen < -69
    risen = [floor.process(-40) for _ in range(31)][-1]
    assert risen == pytest.approx(fallen + 31 * 0.03)


def test_speech_lifts_the_floor_by_less_than_its_pauses_take_back() -> None:
    floor = NoiseFloor()
    for _ in range(20):
        for level in [-25.0] * 20 + [-60.0] * 4:
            floor.process(level)
    assert floor.dbfs < -58


def test_digital_silence_is_no_room() -> None:
    floor = NoiseFloor()
    assert floor.process(SILENCE_DBFS) == SILENCE_DBFS
    floor.process(-60)
    assert floor.process(SILENCE_DBFS) == -60
