from __future__ import annotations

import numpy as np
import pytest
from signals import noise, tone

from satellite.dsp.gain import Gain
from satellite.dsp.level import rms_dbfs


def test_no_gain_gives_the_very_same_samples() -> None:
    sound = noise(0.1)
    assert Gain(0).process(sound) is sound


@pytest.mark.parametrize("db", [-40, -6, 6, 20])
def test_the_level_changes_by_the_gain(db: float) -> None:
    sound = tone(440, 0.5, dbfs=-30)
    louder = Gain(db).process(sound)
    assert louder.dtype == np.int16
    assert rms_dbfs(louder) == pytest.approx(-30 + db, abs=0.05)


def test_what_does_not_fit_is_clipped_not_wrapped() -> None:
    loudest = Gain(40).process(np.array([-32768, -1000, 0, 1000, 32767], np.int16))
    assert loudest.tolist() == [-32768, -32768, 0, 32767, 32767]
