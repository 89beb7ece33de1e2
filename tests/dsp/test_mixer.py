"""Several sounds into one."""

from __future__ import annotations

import numpy as np

from satellite.dsp.mixer import Mixer, gain_of


def block(values: list[int]) -> np.ndarray:
    return np.array(values, np.int16)[:, None]


def test_a_single_sound_at_full_volume_is_sample_exact() -> None:
    samples = np.random.default_rng(4).integers(-32768, 32768, (480, 2), dtype=np.int16)
    np.testing.assert_array_equal(Mixer(2).mix([samples], 480, 100), samples)


def test_sounds_are_added_and_shorter_ones_end_in_silence() -> None:
    mixed = Mixer(1).mix([block([1, 2, 3]), block([10])], 4, 100)
    assert mixed[:, 0].tolist() == [11, 2, 3, 0]


def test_no_sound_is_silence() -> None:
    assert not Mixer(1).mix([], 4, 100).any()


def test_sums_saturate_instead_of_wrapping() -> None:
    mixed = Mixer(1).mix([block([32767, -32768]), block([32767, -32768])], 2, 100)
    assert mixed[:, 0].tolist() == [32767, -32768]


def test_half_the_volume_is_a_quarter_of_the_amplitude() -> None:
    assert gain_of(50) == 0.25
    mixed = Mixer(1, 50).mix([block([20_000, -20_000])], 2, 50)
    assert mixed[:, 0].tolist() == [5_000, -5_000]


def test_volume_applies_to_the_sum_so_loud_sounds_do_not_saturate_first() -> None:
    mixed = Mixer(1, 50).mix([block([32767]), block([32767])], 1, 50)
    assert mixed[0, 0] == round(65534 / 4)


def test_a_change_of_volume_is_spread_over_the_block() -> None:
    mixer = Mixer(1)
    mixer.mix([np.full((480, 1), 10_000, np.int16)], 480, 100)
    ramp = mixer.mix([np.full((480, 1), 10_000, np.int16)], 480, 0)[:, 0].astype(int)
    assert ramp[0] == 10_000
    assert ramp[-1] == 0
    assert np.abs(np.diff(ramp)).max() <= 22
    assert not mixer.mix([np.full((480, 1), 10_000, np.int16)], 480, 0).any()


def test_a_change_of_volume_in_silence_is_in_force_from_the_first_sample() -> None:
    mixer = Mixer(1, 100)
    mixer.mix([], 480, 100)
    assert not mixer.mix([np.full((480, 1), 10_000, np.int16)], 480, 0).any()


def test_volume_0_is_silence_and_100_is_exact_again_after_it() -> None:
    mixer = Mixer(1, 0)
    samples = np.full((480, 1), 1234, np.int16)
    assert not mixer.mix([samples], 480, 0).any()
    mixer.mix([samples], 480, 100)
    np.testing.assert_array_equal(mixer.mix([samples], 480, 100), samples)
