from __future__ import annotations

import numpy as np
import pytest
from signals import noise, silence, tone
from speech import clip

from satellite.dsp.flatness import spectral_flatness

WINDOW = 512


def mean_flatness(sound: np.ndarray) -> float:
    return float(
        np.mean(
            [
                spectral_flatness(window)
                for window in np.split(sound[: len(sound) // WINDOW * WINDOW], len(sound) // WINDOW)
            ]
        )
    )


def test_white_noise_is_flat_at_any_level() -> None:
    assert mean_flatness(noise(2, -20)) == pytest.approx(0.845, abs=0.01)
    assert mean_flatness(noise(2, -60)) == pytest.approx(0.845, abs=0.01)


def test_pink_noise_is_less_so() -> None:
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=32_768))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    sound = np.fft.irfft(spectrum)
    assert 0.6 < mean_flatness(np.rint(sound / sound.std() * 1000).astype(np.int16)) < 0.75


def test_a_tone_and_a_voice_are_not() -> None:
    assert mean_flatness(tone(1000, 1)) < 0.1
    assert mean_flatness(clip("kitchen_light")) < 0.7


def test_silence_has_none() -> None:
    assert spectral_flatness(silence(0.032)) == 0
