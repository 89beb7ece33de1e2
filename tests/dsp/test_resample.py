"""Rate conversion: exact in length, quiet in error, and blind to how the sound is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.dsp.resample import Resampler

PAIRS = [(48_000, 16_000), (44_100, 16_000), (22_050, 48_000), (16_000, 48_000), (8_000, 16_000), (96_000, 44_100)]


def convert(resampler: Resampler, samples: np.ndarray, cuts: list[int]) -> np.ndarray:
    parts = [resampler.process(part) for part in np.split(samples, cuts)]
    return np.concatenate([*parts, resampler.flush()])


def noise(count: int, channels: int = 1) -> np.ndarray:
    shape = count if channels == 1 else (count, channels)
    return np.random.default_rng(1).integers(-20_000, 20_000, shape, dtype=np.int16)


def tone(rate_hz: int, amplitude: float = 10_000.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 4000), max_size=12), st.sampled_from(["int16", "float32"]))
def test_any_cutting_gives_the_same_samples_bit_by_bit(pair: tuple[int, int], cuts: list[int], dtype: str) -> None:
    samples = noise(4000).astype(dtype)
    whole = convert(Resampler(*pair), samples, [])
    assert whole.dtype == dtype
    np.testing.assert_array_equal(convert(Resampler(*pair), samples, sorted(cuts)), whole)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 4000), max_size=12), st.integers(0, 4000))
def test_a_prompt_one_gives_what_comes_behind_silence_for_any_cutting_and_after_a_flush(
    pair: tuple[int, int], cuts: list[int], count: int
) -> None:
    samples = noise(count)
    behind_silence = convert(Resampler(*pair), np.concatenate([np.zeros(pair[0], np.int16), samples]), [])[pair[1] :]
    resampler = Resampler(*pair, prompt=True)
    once = convert(resampler, samples, sorted(cuts))
    both = min(len(once), len(behind_silence))
    assert abs(len(once) - count * pair[1] / pair[0]) <= 1
    assert np.abs(once[:both].astype(int) - behind_silence[:both]).max(initial=0) <= 1
    np.testing.assert_array_equal(convert(resampler, samples, []), once)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("to_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("from_hz", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_a_prompt_one_gives_its_first_sample_within_23_ms(from_hz: int, to_hz: int, channels: int) -> None:
    prompt = Resampler(from_hz, to_hz, channels, prompt=True)
    assert len(prompt.process(noise(round(0.023 * from_hz), channels)))


def test_a_prompt_one_takes_rates_that_have_nothing_in_common() -> None:
    assert len(convert(Resampler(44_101, 48_000, prompt=True), noise(44_101), [100])) == 48_000


def test_one_sample_at_a_time_gives_the_same_samples() -> None:
    samples = noise(1500)
    whole = convert(Resampler(44_100, 16_000), samples, [])
    np.testing.assert_array_equal(convert(Resampler(44_100, 16_000), samples, list(range(1500))), whole)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("count", [0, 1, 999, 44_100])
def test_the_length_is_right_within_a_sample(pair: tuple[int, int], count: int) -> None:
    converted = convert(Resampler(*pair), noise(count), [])
    assert abs(len(converted) - count * pair[1] / pair[0]) <= 1


@pytest.mark.parametrize("pair", PAIRS)
def test_a_1_khz_tone_keeps_80_db_over_the_error_and_is_not_shifted(pair: tuple[int, int]) -> None:
    converted = convert(Resampler(*pair), np.rint(tone(pair[0])).astype(np.int16), [])
    middle = slice(len(converted) // 4, 3 * len(converted) // 4)
    expected = tone(pair[1])[middle]
    error = converted[middle] - expected
    assert 10 * np.log10(np.mean(expected**2) / np.mean(error**2)) >= 80


def test_equal_rates_pass_through_untouched() -> None:
    samples = noise(100)
    resampler = Resampler(16_000, 16_000)
    assert resampler.process(samples) is samples
    assert len(resampler.flush()) == 0


def test_channels_are_converted_apart() -> None:
    samples = noise(3000, channels=2)
    both = convert(Resampler(48_000, 16_000, channels=2), samples, [1000])
    for channel in range(2):
        alone = convert(Resampler(48_000, 16_000), np.ascontiguousarray(samples[:, channel]), [])
        np.testing.assert_array_equal(both[:, channel], alone)


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(44_100, 16_000)
    first = convert(resampler, noise(2000), [])
    np.testing.assert_array_equal(convert(resampler, noise(2000), []), first)


def test_full_scale_saturates_instead_of_wrapping() -> None:
    square = np.tile(np.repeat(np.array([32767, -32768], np.int16), 24), 100)
    converted = convert(Resampler(48_000, 16_000), square, []).astype(int)
    assert converted.max() == 32767
    assert converted.min() == -32768
    assert np.abs(np.diff(converted)).max() <= 65535


def test_no_more_than_42_ms_are_held_back_between_the_usual_rates() -> None:
    resampler = Resampler(48_000, 16_000)
    given_out = 0
    for block in range(1, 200):
        given_out += len(resampler.process(noise(240)))
        assert block * 80 - given_out <= 0.042 * 16_000


@pytest.mark.parametrize("from_hz", [44_100, 48_000])
def test_7_khz_passes_and_10_5_khz_does_not_come_back_as_an_alias(from_hz: int) -> None:
    time_s = np.arange(from_hz) / from_hz
    for hz, low_db, high_db in ((7_000, -0.2, 0.2), (10_500, -np.inf, -70.0)):
        converted = convert(
            Resampler(from_hz, 16_000), np.rint(16_000 * np.sin(2 * np.pi * hz * time_s)).astype("i2"), []
        )
        rms = np.sqrt(np.mean(converted[2_000:-2_000].astype(float) ** 2)) + 1e-9
        assert low_db <= 20 * np.log10(rms / (16_000 / np.sqrt(2))) <= high_db
