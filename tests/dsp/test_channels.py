"""Channels of a recording."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signals import clipped, noise, silence, tone, with_dc

from satellite.core.audio import Int16
from satellite.dsp.channels import Channels


def of(*channels: Int16) -> Channels:
    sums = Channels(len(channels))
    sums.feed(np.stack(channels, axis=1))
    return sums


def test_a_tone_has_its_level_and_peak_and_no_more() -> None:
    (figures,) = of(tone(1000, 1.0, -20)).figures()
    assert figures.level_dbfs == pytest.approx(-20, abs=0.01)
    assert figures.peak_dbfs == pytest.approx(-17, abs=0.02)
    assert figures.dc_percent == pytest.approx(0, abs=0.001)
    assert (figures.clipped, figures.constant) == (0, False)


def test_an_offset_is_told_apart_from_the_level() -> None:
    (figures,) = of(with_dc(tone(1000, 1.0, -30), -1000)).figures()
    assert figures.dc_percent == pytest.approx(-100_000 / 32768, abs=0.001)
    assert figures.level_dbfs == pytest.approx(-30, abs=0.01)


def test_samples_at_either_end_of_the_scale_are_clipped() -> None:
    loud = clipped(tone(440, 1.0, -6))
    (figures,) = of(loud).figures()
    assert figures.clipped == np.count_nonzero((loud == 32767) | (loud == -32768)) > 10_000
    assert figures.clipped_percent == pytest.approx(100 * figures.clipped / len(loud))
    assert figures.peak_dbfs == 0


def test_a_channel_that_never_moves_is_constant() -> None:
    alive, dead = of(noise(0.1), silence(0.1) + np.int16(7)).figures()
    assert (alive.constant, dead.constant) == (False, True)
    assert dead.level_dbfs == -100


def test_alike_inverse_and_strange_channels() -> None:
    sums = of(noise(1.0, seed=1), noise(1.0, seed=1), -noise(1.0, seed=1), noise(1.0, seed=2), silence(1.0))
    assert sums.correlation(0, 1) == pytest.approx(1)
    assert sums.correlation(0, 2) == pytest.approx(-1)
    assert abs(sums.correlation(0, 3)) < 0.05
    assert sums.correlation(0, 4) == 0
    assert sums.matrix().shape == (5, 5)


def test_before_the_first_frame_there_is_nothing() -> None:
    assert Channels(2).figures() == ()


@given(st.lists(st.integers(0, 700), max_size=12))
def test_the_figures_do_not_depend_on_the_cutting(cuts: list[int]) -> None:
    frames = np.stack([clipped(noise(0.05, -10)), with_dc(noise(0.05, -30, seed=3))], axis=1)
    whole, pieces = Channels(2), Channels(2)
    whole.feed(frames)
    for piece in np.split(frames, sorted(cuts)):
        pieces.feed(piece)
    assert pieces.figures() == whole.figures()
    assert (pieces.matrix() == whole.matrix()).all()
