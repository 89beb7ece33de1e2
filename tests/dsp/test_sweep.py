"""The sweep: what lies between it and a recording is found to the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.core.audio import RATE_HZ
from satellite.dsp.sweep import HIGH_HZ, LOW_HZ, Sweep

SWEEP = Sweep(0.5)


def recording(delay: int, gain: float, size: int = 24_000) -> np.ndarray:
    heard = np.zeros(size, np.float32)
    sweep = SWEEP.samples(RATE_HZ)
    heard[delay : delay + len(sweep)] = gain * sweep
    return heard


@settings(max_examples=20, deadline=None)
@given(delay=st.integers(0, 16_000), gain=st.floats(0.01, 1.0))
def test_delay_and_gain_are_found(delay: int, gain: float) -> None:
    response = SWEEP.response(recording(delay, gain))
    assert np.abs(response).argmax() == delay
    flat = SWEEP.response(recording(0, 1.0))
    assert np.abs(response).max() == pytest.approx(gain * np.abs(flat).max(), rel=0.01)


def test_a_sum_of_two_ways_is_the_sum_of_their_responses() -> None:
    both = SWEEP.response(recording(1_000, 0.5) + recording(3_000, -0.2))
    near, far = SWEEP.response(recording(1_000, 0.5)), SWEEP.response(recording(3_000, -0.2))
    np.testing.assert_allclose(both, near + far, atol=1e-4)


def test_a_square_appears_ahead_by_the_lead_of_the_second_harmonic() -> None:
    sweep = Sweep(2.0)
    heard = np.zeros(60_000, np.float32)
    played = sweep.samples(RATE_HZ)
    heard[20_000 : 20_000 + len(played)] = played + 0.2 * played**2
    response = np.abs(sweep.response(heard))
    assert response.argmax() == 20_000
    ahead = 10_000 + int(response[10_000:18_000].argmax())
    assert abs(20_000 - sweep.harmonic_lead(2) - ahead) < 10


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_it_is_the_same_sweep_at_every_rate(rate_hz: int) -> None:
    samples = SWEEP.samples(rate_hz)
    assert len(samples) == rate_hz // 2
    assert np.abs(samples).max() <= 1
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    assert spectrum[(hz > LOW_HZ / 2) & (hz < 1.2 * HIGH_HZ)].sum() > 0.999 * spectrum.sum()
