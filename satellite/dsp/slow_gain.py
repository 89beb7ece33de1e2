"""Gain that follows the voice, so slowly that nobody hears it move."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from satellite.core.audio import SILENCE_DBFS, Float32
from satellite.dsp.level import NoiseFloor

# In blocks of 10 ms: the level is that of the last 400 ms of voice, and means something from 100 ms on.
_WINDOW, _ENOUGH = 40, 10
# 6 dB a second.
_RISE_DB = 0.06
_LOWEST_DB = -20.0
# What is below this, or not so much above the room, is no voice: the gain rests.
_GATE_DBFS, _MARGIN_DB = -60.0, 9.0


class SlowGain:
    """Brings voices to one level, in blocks of 10 ms.

    Each block's gain follows from it and those before. Only blocks that stand out of the room count, so that pauses are
    not made louder and louder. A gain that is too high falls within a block, one that is too low rises by 6 dB a second
    while somebody speaks; within a block it moves in a straight line.

    Args:
        target_dbfs: root mean square of voices, pauses left out.
        most_db: no gain above this.
    """

    delay = 0

    def __init__(self, target_dbfs: float, most_db: float) -> None:
        self.gain_db = 0.0
        """At the end of the last block."""
        self._target_dbfs = target_dbfs
        self._most_db = most_db
        self.reset()

    def process(self, block: Float32) -> Float32:
        """The block, as loud as it should be: float32 of shape (n, channels), 1 at full scale, which it may exceed."""
        before_db = self.gain_db
        self._follow(float(np.mean(np.square(block))))
        moving = np.linspace(_factor(before_db), _factor(self.gain_db), len(block) + 1, dtype=np.float32)[1:]
        louder: Float32 = block * moving[:, None]
        return louder

    def settle(self) -> None:
        """Take the gain at once that the voice heard so far wants."""
        if len(self._voice) >= _ENOUGH:
            self.gain_db = self._wanted_db()

    def reset(self) -> None:
        """Something else is heard now; the gain stays until a voice says otherwise."""
        self._floor = NoiseFloor(rise_db=0.01)
        self._voice: deque[float] = deque(maxlen=_WINDOW)

    def _follow(self, power: float) -> None:
        level_dbfs = max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS
        if level_dbfs < max(_GATE_DBFS, self._floor.process(level_dbfs) + _MARGIN_DB):
            return
        self._voice.append(power)
        if len(self._voice) >= _ENOUGH:
            self.gain_db = min(self._wanted_db(), self.gain_db + _RISE_DB)

    def _wanted_db(self) -> float:
        level_dbfs = 10 * math.log10(sum(self._voice) / len(self._voice))
        return min(self._most_db, max(_LOWEST_DB, self._target_dbfs - level_dbfs))


def _factor(db: float) -> float:
    return float(10 ** (db / 20))
