from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from signals import noise, tone

from satellite.core.audio import Float32, Int16, to_float32
from satellite.dsp.limiter import Limiter

BLOCK = 160
# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None, max_examples=25)


def limited(sound: Float32, ceiling_dbfs: float = -1.0) -> Float32:
    """The whole sound, as long, without the delay."""
    limiter = Limiter(ceiling_dbfs, BLOCK, sound.shape[1])
    padded = np.concatenate([sound, np.zeros((2 * BLOCK - len(sound) % BLOCK, sound.shape[1]), np.float32)])
    blocks = [limiter.process(padded[at : at + BLOCK]) for at in range(0, len(padded), BLOCK)]
    return np.concatenate(blocks)[BLOCK : BLOCK + len(sound)]


def loud(sound: Int16, db: float) -> Float32:
    return to_float32(sound[:, None]) * np.float32(10 ** (db / 20))


@pytest.mark.parametrize("ceiling_dbfs", [-3, -1, 0])
@PATIENT
@given(sound=arrays.arrays(np.float32, (5 * BLOCK + 7, 2), elements=st.floats(-30, 30, width=32)))
def test_no_sample_is_above_the_ceiling(ceiling_dbfs: float, sound: Float32) -> None:
    rounded = np.rint(limited(sound, ceiling_dbfs) * 32_768)
    assert np.abs(rounded).max() <= min(32_767, 32_768 * 10 ** (ceiling_dbfs / 20))


def test_what_is_below_the_ceiling_passes_untouched() -> None:
    sound = loud(noise(1, -20), 0)
    assert np.array_equal(limited(sound), sound)


def test_it_bends_a_tone_less_than_clipping_does() -> None:
    sound = loud(tone(300, 1, -3), 12)

    def harmonics(samples: Float32) -> float:
        power = np.abs(np.fft.rfft(samples[8_000:, 0])) ** 2
        return float(1 - power[148:153].sum() / power.sum())

    assert harmonics(limited(sound)) < 1e-6
    assert harmonics(np.clip(sound, -1, 1)) > 0.01


def test_after_something_loud_it_comes_back_by_40_db_a_second() -> None:
    sound = np.concatenate([loud(tone(300, 0.5, -3), 12), loud(tone(300, 1, -30), 0)])
    gain_db = 20 * np.log10(
        np.abs(limited(sound)[8_000:, 0]).reshape(-1, BLOCK).max(axis=1) / np.abs(sound[-160:]).max()
    )
    assert gain_db[0] == pytest.approx(-13, abs=1)
    assert gain_db[20] - gain_db[0] == pytest.approx(8, abs=0.2)
    assert gain_db[-1] == 0


def test_after_a_reset_it_holds_nothing() -> None:
    limiter = Limiter(-1, BLOCK, 1)
    limiter.process(np.ones((BLOCK, 1), np.float32))
    limiter.reset()
    assert not limiter.process(np.ones((BLOCK, 1), np.float32)).any()
