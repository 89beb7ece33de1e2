"""The clock of a card, from readings that are late."""

from __future__ import annotations

import numpy as np
import pytest

from satellite.core.audio import RATE_HZ
from satellite.dsp.clock import ClockFit


def readings(clock: ClockFit, ppm: float, seconds: float, late_s: float = 0.0, begin_s: float = 500.0) -> None:
    """A card that is slow by so much, read every 16 ms, each time up to `late_s` too late."""
    rng = np.random.default_rng(1)
    for sample in range(0, round(seconds * RATE_HZ), 256):
        clock.add(sample, begin_s + sample / RATE_HZ * (1 + ppm / 1e6) + late_s * rng.random() ** 2)


@pytest.mark.parametrize("ppm", [-300, -50, 0, 20, 100])
def test_the_speed_is_found_within_5_ppm_though_readings_are_late_by_up_to_20_ms(ppm: float) -> None:
    clock = ClockFit(RATE_HZ)
    readings(clock, ppm, 30, late_s=0.02)
    assert clock.ppm == pytest.approx(ppm, abs=5)


def test_a_sample_is_dated_within_half_a_millisecond() -> None:
    clock = ClockFit(RATE_HZ)
    readings(clock, 100, 60, late_s=0.02)
    true_s = 500 + 50 * (1 + 100e-6)
    assert clock.time_of(50 * RATE_HZ) == pytest.approx(true_s, abs=0.0005)
    assert clock.sample_at(true_s) == pytest.approx(50 * RATE_HZ, abs=8)


def test_after_a_jump_the_speed_is_remembered_and_the_place_is_not() -> None:
    clock = ClockFit(RATE_HZ)
    readings(clock, 80, 30)
    clock.restart()
    assert not clock.known
    clock.add(0, 900.0)
    assert clock.ppm == pytest.approx(80, abs=1)
    assert clock.time_of(RATE_HZ) == pytest.approx(901, abs=0.001)


def test_what_is_no_cards_clock_is_not_believed() -> None:
    clock = ClockFit(RATE_HZ)
    readings(clock, 1_000_000, 30)
    assert clock.ppm == 0


def test_a_counter_that_stands_still_and_then_leaps_is_no_reason_to_divide_by_nothing() -> None:
    clock = ClockFit(RATE_HZ)
    for second in range(60):
        clock.add(0 if second % 20 else second * 100 * RATE_HZ, 500.0 + second)
    assert abs(clock.ppm) < 1e6
