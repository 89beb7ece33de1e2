"""Spectra and hum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signals import noise, silence, tone
from speech import clip

from satellite.core.audio import Int16
from satellite.dsp.spectrum import HUM_WINDOW, Hum, PowerSpectra, find_hum


def hum_in(samples: Int16) -> Hum | None:
    return find_hum(PowerSpectra(HUM_WINDOW, HUM_WINDOW // 2).process(samples))


def test_a_row_adds_up_to_the_mean_square_and_its_top_is_the_tone() -> None:
    rows = PowerSpectra(512, 256).process(tone(1000, 1.0, -20))
    assert rows.shape == (61, 257)
    assert rows.sum(axis=1) == pytest.approx(0.01, rel=0.01)
    assert (rows.argmax(axis=1) == 32).all()


@given(st.lists(st.integers(0, 3000), max_size=8))
def test_the_rows_do_not_depend_on_the_cutting(cuts: list[int]) -> None:
    samples = noise(0.2, -20)
    whole = PowerSpectra(512, 256).process(samples)
    spectra = PowerSpectra(512, 256)
    rows = [spectra.process(piece) for piece in np.split(samples, sorted(cuts))]
    assert (np.concatenate(rows) == whole).all()


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_is_found_with_its_level_and_mains_frequency(mains_hz: int) -> None:
    buzz = tone(mains_hz, 4.0, -46) + tone(3 * mains_hz, 4.0, -46) + noise(4.0, -70)
    hum = hum_in(buzz)
    assert hum is not None
    assert hum.mains_hz == mains_hz
    assert hum.dbfs == pytest.approx(-43, abs=0.5)


def test_a_mains_frequency_that_drifts_is_found() -> None:
    hum = hum_in(tone(50.2, 4.0, -40) + noise(4.0, -70))
    assert hum is not None
    assert hum.mains_hz == 50


@pytest.mark.parametrize("sound", [noise(4.0, -40), silence(4.0), silence(0.1)])
def test_noise_and_silence_do_not_hum(sound: Int16) -> None:
    assert hum_in(sound) is None or hum_in(sound).dbfs < -60  # type: ignore[union-attr]


def test_a_voice_does_not_hum() -> None:
    said = np.concatenate([silence(1.0), clip("timer"), silence(1.0)])
    hum = hum_in(said + noise(len(said) / 16_000, -70))
    assert hum is None or hum.dbfs < -75
