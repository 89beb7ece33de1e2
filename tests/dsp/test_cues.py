from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from satellite.config import SoundsConfig
from satellite.dsp.cues import CUE_RATE_HZ, make_cue
from satellite.dsp.level import peak_dbfs

NAMES = sorted(field.name for field in fields(SoundsConfig))
RATES = [8_000, 16_000, 22_050, 44_100, 48_000]


@pytest.mark.parametrize("name", NAMES)
def test_a_cue_is_soft_and_begins_and_ends_in_silence(name: str) -> None:
    cue = make_cue(name)
    assert cue.dtype == np.int16
    assert cue.ndim == 1
    assert peak_dbfs(cue) == pytest.approx(-20, abs=0.5)
    edge = CUE_RATE_HZ // 1000
    assert np.abs(cue[:edge]).max() < 40
    assert np.abs(cue[-edge:]).max() < 40


@pytest.mark.parametrize("name", NAMES)
def test_a_cue_does_not_click(name: str) -> None:
    powers = np.abs(np.fft.rfft(make_cue(name), CUE_RATE_HZ)) ** 2
    assert powers[5_000:].sum() < 1e-6 * powers.sum()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate_hz", RATES)
def test_a_cue_lasts_as_long_at_any_rate(name: str, rate_hz: int) -> None:
    assert len(make_cue(name, rate_hz)) / rate_hz == pytest.approx(len(make_cue(name)) / CUE_RATE_HZ, abs=0.001)


def test_the_awake_sound_is_over_within_150_ms() -> None:
    assert len(make_cue("awake")) <= 0.150 * CUE_RATE_HZ


def test_the_cues_differ() -> None:
    assert len({make_cue(name).tobytes() for name in NAMES}) == len(NAMES)


def test_what_went_wrong_is_lower_than_what_goes_well() -> None:
    def strongest_hz(name: str) -> float:
        spectrum = np.abs(np.fft.rfft(make_cue(name), CUE_RATE_HZ))
        return float(spectrum.argmax())

    wrong = max(strongest_hz(name) for name in NAMES if name not in {"awake", "done", "timer", "follow_up"})
    assert wrong < min(strongest_hz("awake"), strongest_hz("done"))
