"""From any format to 16-bit samples at one rate and channel count."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.core.audio import AudioFormat
from satellite.core.encoding import BY_WIDTH, encode
from satellite.core.errors import AudioFormatError
from satellite.dsp.convert import Converter

SAMPLES = np.random.default_rng(2).integers(-32768, 32768, 1200, dtype=np.int16)


def convert(converter: Converter, pcm: bytes, cuts: list[int]) -> np.ndarray:
    edges = [0, *cuts, len(pcm)]
    parts = [converter.process(pcm[a:b]) for a, b in pairwise(edges)]
    return np.concatenate([*parts, converter.flush()])


def test_the_same_format_passes_sample_by_sample() -> None:
    out = convert(Converter(AudioFormat(48_000, 2, 2), 48_000, 2), SAMPLES.tobytes(), [])
    np.testing.assert_array_equal(out, SAMPLES.reshape(-1, 2))


@pytest.mark.parametrize("width", [2, 3, 4])
def test_wider_samples_keep_their_upper_16_bits(width: int) -> None:
    pcm = encode(SAMPLES, BY_WIDTH[width])
    out = convert(Converter(AudioFormat(16_000, 1, width), 16_000, 1), pcm, [])
    np.testing.assert_array_equal(out[:, 0], SAMPLES)


def test_one_byte_samples_are_signed_and_shifted_up() -> None:
    out = convert(Converter(AudioFormat(16_000, 1, 1), 16_000, 1), bytes([0, 1, 127, 128, 255]), [])
    assert out[:, 0].tolist() == [0, 256, 32512, -32768, -256]


def test_mono_goes_to_all_channels() -> None:
    out = convert(Converter(AudioFormat(16_000, 1, 2), 16_000, 3), SAMPLES.tobytes(), [])
    np.testing.assert_array_equal(out, np.repeat(SAMPLES[:, None], 3, axis=1))


def test_several_channels_become_their_mean_without_overflow() -> None:
    pcm = np.array([[32767, 32767], [-32768, -32768], [100, 300], [1, 2]], np.int16).tobytes()
    out = convert(Converter(AudioFormat(16_000, 2, 2), 16_000, 1), pcm, [])
    assert out[:, 0].tolist() == [32767, -32768, 200, 2]


def test_one_channel_can_be_chosen() -> None:
    out = convert(Converter(AudioFormat(16_000, 3, 2), 16_000, 1, channel=1), SAMPLES.tobytes(), [])
    np.testing.assert_array_equal(out[:, 0], SAMPLES.reshape(-1, 3)[:, 1])


@pytest.mark.parametrize("channel", [(2, 0), (1, 1), (0, 1, 2), (2,), (2, 2, 0, 1)])
def test_channels_can_be_chosen_put_in_another_order_and_repeated(channel: tuple[int, ...]) -> None:
    out = convert(Converter(AudioFormat(16_000, 3, 2), 16_000, len(channel), channel), SAMPLES.tobytes(), [7, 1000])
    np.testing.assert_array_equal(out, SAMPLES.reshape(-1, 3)[:, list(channel)])
    mono = convert(Converter(AudioFormat(16_000, 1, 2), 16_000, 2, (0, 0)), SAMPLES.tobytes(), [7, 1000])
    np.testing.assert_array_equal(mono, np.stack([SAMPLES, SAMPLES], axis=1))
    resampled = convert(Converter(AudioFormat(48_000, 3, 2), 16_000, len(channel), channel), SAMPLES.tobytes(), [])
    assert resampled.shape == (pytest.approx(133, abs=1), len(channel))


@pytest.mark.parametrize("channel", [2, (0, 2)])
def test_a_channel_that_is_not_there_is_refused(channel: int | tuple[int, ...]) -> None:
    with pytest.raises(AudioFormatError, match="no channel 2: it has 2"):
        Converter(AudioFormat(16_000, 2, 2), 16_000, 1, channel=channel)


@pytest.mark.parametrize(
    "form", [AudioFormat(100, 1, 2), AudioFormat(16_000, 0, 2), AudioFormat(16_000, 99, 2), AudioFormat(16_000, 1, 5)]
)
def test_senseless_formats_are_refused(form: AudioFormat) -> None:
    with pytest.raises(AudioFormatError):
        Converter(form, 16_000, 1)


FORMATS = st.builds(
    AudioFormat, st.sampled_from([8_000, 16_000, 22_050, 44_100, 96_000]), st.integers(1, 4), st.integers(1, 4)
)


@settings(max_examples=30, deadline=None)
@given(FORMATS, st.integers(1, 2), st.lists(st.integers(0, 3000), max_size=10))
def test_any_format_cut_anywhere_even_within_a_sample_gives_the_same(
    form: AudioFormat, channels: int, cuts: list[int]
) -> None:
    pcm = np.random.default_rng(3).bytes(3000)
    whole = convert(Converter(form, 48_000, channels), pcm, [])
    assert whole.shape[1] == channels
    assert abs(len(whole) - 3000 // form.frame_bytes * 48_000 / form.rate_hz) <= 1
    np.testing.assert_array_equal(convert(Converter(form, 48_000, channels), pcm, sorted(cuts)), whole)
