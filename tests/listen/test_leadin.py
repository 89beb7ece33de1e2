from __future__ import annotations

import numpy as np
import pytest

from satellite.core.audio import WIRE_FORMAT, samples_of
from satellite.dsp.level import rms_dbfs
from satellite.listen.leadin import LEAD_IN_S, lead_in


@pytest.mark.parametrize(("floor", "level"), [(-60, -60), (-100, -70), (-20, -50), (-55.5, -55.5)])
def test_it_is_noise_like_the_rooms_within_bounds(floor: float, level: float) -> None:
    noise = lead_in(floor)
    assert len(noise) == LEAD_IN_S * WIRE_FORMAT.second_bytes
    assert rms_dbfs(samples_of(noise)) == pytest.approx(level, abs=0.3)


def test_no_two_stretches_of_it_are_alike() -> None:
    samples = samples_of(lead_in(-50)).astype(float)
    shifted = [float(np.corrcoef(samples[:-lag], samples[lag:])[0, 1]) for lag in (1, 160, 1280)]
    assert max(map(abs, shifted)) < 0.05


def test_it_is_the_same_each_time() -> None:
    assert lead_in(-60) == lead_in(-60)
