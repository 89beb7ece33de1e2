"""Nothing louder than a ceiling, and no corners where it was."""

from __future__ import annotations

import math

import numpy as np

from satellite.core.audio import Float32
from satellite.dsp.level import FULL_SCALE

# 40 dB a second, for blocks of 10 ms.
_RELEASE = 10 ** (0.4 / 20)


class Limiter:
    """Turns sound down before it would pass the ceiling. Works in blocks of one size and is one block late.

    Where two blocks meet, the gain is the lower of what the two can bear; in between it moves in a straight line. So it
    is never above what a block can bear, and has come down when the loud block begins. It goes up again by 40 dB/s.

    Args:
        ceiling_dbfs: no sample is above this, rounded to 16 bits either; at most 0.
        block, channels: shape of the blocks.
    """

    def __init__(self, ceiling_dbfs: float, block: int, channels: int) -> None:
        self.delay = block
        self._held: Float32 = np.zeros((block, channels), np.float32)
        self._bears = self._gain = 1.0
        self._ceiling = min(math.floor(FULL_SCALE * 10 ** (ceiling_dbfs / 20)), FULL_SCALE - 1) / FULL_SCALE
        self._ramp = np.arange(block, dtype=np.float32)[:, None] / np.float32(block)

    def process(self, block: Float32) -> Float32:
        """The block before, limited; at first zeros. float32, 1 at full scale."""
        bears = self._bearable(block)
        after = min(self._bears, bears, self._gain * _RELEASE)
        limited: Float32 = self._held * (np.float32(self._gain) + np.float32(after - self._gain) * self._ramp)
        self._held, self._bears, self._gain = block, bears, after
        return limited

    def reset(self) -> None:
        """A new stream begins; what is held is forgotten."""
        self._held = np.zeros_like(self._held)
        self._bears = self._gain = 1.0

    def settle(self) -> None:
        """It has nothing to learn."""

    def _bearable(self, block: Float32) -> float:
        peak = float(np.max(np.abs(block)))
        return self._ceiling / peak if peak > self._ceiling else 1.0
