"""Louder or quieter."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Int16


class Gain:
    """Multiplies int16 samples, any shape, by a factor in dB; what does not fit is clipped. 0 dB changes nothing."""

    def __init__(self, db: float) -> None:
        self._factor = np.float32(10 ** (db / 20))
        self._needless = db == 0

    def process(self, samples: Int16) -> Int16:
        """The samples, amplified, rounded, clipped."""
        if self._needless:
            return samples
        louder: Int16 = np.clip(np.rint(samples * self._factor), -32768, 32767).astype(np.int16)
        return louder
