"""The real rate by the clock."""

from __future__ import annotations

import random

import pytest

from satellite.diagnostics.clock import RateMeter


def run(meter: RateMeter, hz: float, seconds: float, start_s: float = 0.0, start: int = 0) -> None:
    """A card that gives periods of 256, and a program that comes when it can, up to 0.2 s late."""
    late = random.Random(1)
    now_s = 0.0
    while now_s < seconds:
        now_s += late.choice([0.008, 0.016, 0.02, 0.2])
        meter.drained(start_s + now_s, start + int(now_s * hz) // 256 * 256)


@pytest.mark.parametrize("hz", [16_000.0, 15_840.0, 16_001.6, 48_480.0])
def test_the_rate_is_measured_however_late_the_program_comes(hz: float) -> None:
    meter = RateMeter()
    run(meter, hz, 10.0, start_s=1e6)
    rate = meter.rate()
    assert rate is not None
    assert rate.hz == pytest.approx(hz, rel=5e-4)
    assert rate.seconds == pytest.approx(10.0, abs=0.5)


def test_lost_sound_begins_anew_and_the_longest_stretch_counts() -> None:
    meter = RateMeter()
    run(meter, 16_000, 6.0)
    meter.lost()
    run(meter, 16_000, 3.0, start_s=20.0, start=100_000)
    rate = meter.rate()
    assert rate is not None
    assert rate.hz == pytest.approx(16_000, rel=1e-3)
    assert rate.seconds == pytest.approx(6.0, abs=0.5)


def test_too_short_is_no_rate() -> None:
    meter = RateMeter()
    assert meter.rate() is None
    run(meter, 16_000, 1.5)
    assert meter.rate() is None
