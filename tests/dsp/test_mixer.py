"""Several sounds into one: every sample once, no clicks, and the same however it is cut up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.dsp.fader import Fader
from satellite.dsp.mixer import FADE_S, Mixer, gain_of

RATE_HZ = 48_000
FADE = round(FADE_S * RATE_HZ)
FULL = Fader(1.0, FADE)
# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None, max_examples=50)


def block(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int16)[:, None]


def steady(value: int, frames: int = 480) -> np.ndarray:
    return np.full((frames, 1), value, np.int16)


def mixed(blocks: list[np.ndarray], frames: int, percent: int = 100, mixer: Mixer | None = None) -> np.ndarray:
    return (mixer or Mixer(1, RATE_HZ, percent)).mix([(sound, FULL) for sound in blocks], frames, percent)


def test_a_single_sound_at_full_volume_is_sample_exact() -> None:
    samples = np.random.default_rng(4).integers(-32768, 32768, (480, 2), dtype=np.int16)
    np.testing.assert_array_equal(Mixer(2, RATE_HZ).mix([(samples, FULL)], 480, 100), samples)


def test_sounds_are_added_and_shorter_ones_end_in_silence() -> None:
    assert mixed([block([1, 2, 3]), block([10])], 4)[:, 0].tolist() == [11, 2, 3, 0]


def test_no_sound_is_silence() -> None:
    assert not mixed([], 4).any()


def test_sums_saturate_instead_of_wrapping() -> None:
    assert mixed([block([32767, -32768]), block([32767, -32768])], 2)[:, 0].tolist() == [32767, -32768]


def test_half_the_volume_is_a_quarter_of_the_amplitude() -> None:
    assert gain_of(50) == 0.25
    assert mixed([block([20_000, -20_000])], 2, 50)[:, 0].tolist() == [5_000, -5_000]


def test_volume_applies_to_the_sum_so_loud_sounds_do_not_saturate_first() -> None:
    assert mixed([block([32767]), block([32767])], 1, 50)[0, 0] == round(65534 / 4)


def test_each_sound_has_its_own_gain() -> None:
    sounds = [(steady(1_000), Fader(0.5, FADE)), (steady(100), FULL)]
    assert np.all(Mixer(1, RATE_HZ).mix(sounds, 480, 100) == 600)


def test_a_change_of_volume_is_spread_so_that_it_does_not_click() -> None:
    mixer = Mixer(1, RATE_HZ)
    mixed([steady(10_000)], 480, 100, mixer)
    ramp = mixed([steady(10_000, FADE)], FADE, 0, mixer)[:, 0].astype(int)
    assert ramp[0] == 10_000
    assert ramp[-1] == 0
    assert np.diff(ramp).min() >= -4
    assert np.diff(ramp).max() <= 0
    assert not mixed([steady(10_000)], 480, 0, mixer).any()


def test_a_change_of_volume_in_silence_is_in_force_from_the_first_sample() -> None:
    mixer = Mixer(1, RATE_HZ)
    mixed([steady(10_000, 479)], 480, 100, mixer)
    assert not mixed([steady(10_000)], 480, 0, mixer).any()


def test_volume_0_is_silence_and_100_is_exact_again_after_it() -> None:
    mixer = Mixer(1, RATE_HZ, 0)
    samples = steady(1_234)
    assert not mixed([samples], 480, 0, mixer).any()
    mixed([steady(1_234, FADE)], FADE, 100, mixer)
    assert mixed([samples], 480, 100, mixer) is samples


@PATIENT
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1), st.integers(1, 3_000)), min_size=1, max_size=5),
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
)
def test_however_the_sounds_are_cut_up_the_sum_is_the_same(
    seed: int, changes: list[tuple[int, float, int]], cuts: list[int]
) -> None:
    random = np.random.default_rng(seed)
    faders = Fader(1.0, 600), Fader(1.0, 600)
    mixers = Mixer(2, 8_000), Mixer(2, 8_000)
    for percent, gain, frames in changes:
        one, other = random.integers(-32768, 32768, (2, frames, 2), dtype=np.int16)
        other = other[: int(random.integers(0, frames + 1))]
        for fader in faders:
            fader.move(gain)
        whole = mixers[0].mix([(one, FULL), (other, faders[0])], frames, percent)
        at = [0, *np.cumsum(np.resize(cuts, frames)), frames]
        edges = sorted({min(int(edge), frames) for edge in at})
        pieces = [
            mixers[1].mix([(one[a:b], FULL), (other[a:b], faders[1])], b - a, percent) for a, b in pairwise(edges)
        ]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


@PATIENT
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_every_sample_of_every_sound_is_in_the_sum_once(seed: int, lengths: list[int]) -> None:
    random = np.random.default_rng(seed)
    sounds = [random.integers(-8_000, 8_001, (length, 1), dtype=np.int16) for length in lengths]
    total = np.zeros((400, 1), int)
    for sound in sounds:
        total[: len(sound)] += sound
    np.testing.assert_array_equal(mixed(sounds, 400), total)
