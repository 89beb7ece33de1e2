from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, tone

from satellite.core.audio import RATE_HZ, Int16
from satellite.dsp.highpass import HighPass
from satellite.dsp.level import rms_dbfs

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None)


def passed(sound: Int16, cutoff_hz: float = 80, rate_hz: int = RATE_HZ) -> Int16:
    return HighPass(cutoff_hz, rate_hz).process(sound[:, None])[:, 0]


@pytest.mark.parametrize(("hz", "change_db"), [(20, -24), (40, -12.3), (80, -3), (160, -0.3), (1_000, 0)])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000])
def test_it_has_the_curve_of_a_butterworth_of_second_order(hz: float, change_db: float, rate_hz: int) -> None:
    sound = tone(hz, 2, -12, rate_hz)
    change = rms_dbfs(passed(sound, 80, rate_hz)[rate_hz:]) - rms_dbfs(sound[rate_hz:])
    assert change == pytest.approx(change_db, abs=0.2)


def test_an_offset_is_gone_from_the_first_sample_on() -> None:
    assert not np.any(passed(np.full(4_000, 5_000, np.int16)))


def test_it_is_the_plain_recursion() -> None:
    sound = noise(0.2, -12)
    turn, out, s1, s2 = 2 * np.pi * 80 / RATE_HZ, [], 0.0, 0.0
    alpha = np.sin(turn) / np.sqrt(2)
    b0 = (1 + np.cos(turn)) / 2 / (1 + alpha)
    a1, a2 = -2 * np.cos(turn) / (1 + alpha), (1 - alpha) / (1 + alpha)
    s1, s2 = -b0 * float(sound[0]), b0 * float(sound[0])
    for x in map(float, sound):
        y = b0 * x + s1
        s1, s2 = -2 * b0 * x - a1 * y + s2, b0 * x - a2 * y
        out.append(y)
    assert np.abs(passed(sound) - np.rint(out)).max() <= 1


@PATIENT
@given(st.lists(st.integers(0, 700), max_size=12))
def test_cutting_does_not_matter(sizes: list[int]) -> None:
    sound = np.stack([noise(0.3, -20), tone(50, 0.3, -20)], axis=1)
    whole = HighPass(100, RATE_HZ, 2).process(sound)
    filter_, pieces, at = HighPass(100, RATE_HZ, 2), [], 0
    for size in [*sizes, len(sound)]:
        pieces.append(filter_.process(sound[at : at + size]))
        at += size
    assert np.array_equal(np.concatenate(pieces), whole)


def test_after_a_reset_it_has_heard_nothing() -> None:
    sound, highpass = noise(0.1, -20)[:, None], HighPass(80, RATE_HZ)
    first = highpass.process(sound)
    highpass.reset()
    assert np.array_equal(highpass.process(sound), first)
