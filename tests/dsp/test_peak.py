from __future__ import annotations

import numpy as np
import pytest
from signals import noise, tone

from satellite.core.audio import to_float32
from satellite.dsp.peak import PeakNormaliser


@pytest.mark.parametrize("dbfs", [-60, -30, -6])
@pytest.mark.parametrize("target_dbfs", [-60, -3, 0])
def test_the_peak_of_a_block_is_at_the_target(dbfs: float, target_dbfs: float) -> None:
    normal = PeakNormaliser(target_dbfs).process(to_float32(tone(300, 0.01, dbfs)[:, None]))
    assert 20 * np.log10(np.abs(normal).max()) == pytest.approx(target_dbfs, abs=0.01)


def test_digital_silence_stays() -> None:
    assert not PeakNormaliser(-3).process(np.zeros((160, 1), np.float32)).any()


def test_a_pause_becomes_as_loud_as_speech_which_is_the_trap() -> None:
    pause = PeakNormaliser(-3).process(to_float32(noise(0.01, -70)[:, None]))
    assert 20 * np.log10(np.sqrt(np.mean(pause**2))) > -20
