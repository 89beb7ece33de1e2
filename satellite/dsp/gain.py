"""Louder or quieter."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Int16


class Gain:
    """Multiplies int16 samples, any shape, by a factor in dB; what does not fit is clipped. 0 dB changes nothing."""

    def __init__(self, db: float) -> None:
        self.factor = np.float32(10 ** (db / 20))
        self.needed = db != 0

    def process(self, samples: Int16) -> Int16:
        """The samples, amplified, rounded, clipped."""
        if not self.needed:
            return samples
        louder: Int16 = np.clip(np.rint(samples * self.factor), -32768, 32767).astype(np.int16)
        return louder

    def misfits(self, samples: Int16) -> int:
        """How many of these samples it would clip."""
        if self.factor <= 1 or not len(samples):
            return 0
        # Rounding to -32768 fits, to 32768 does not.
        louder = samples * self.factor
        return int(np.count_nonzero((louder >= 32767.5) | (louder < -32768.5)))
