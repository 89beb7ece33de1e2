"""A gain that moves without a click."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from satellite.core.audio import Float32


class Fader:
    """Goes from one gain to the next along half a cosine; however the sound is cut up, each frame has the same gain.

    Args:
        gain: the factor at first.
        frames: how long a change takes.
    """

    def __init__(self, gain: float, frames: int) -> None:
        self._from = self._to = gain
        self._curve = _half_cosine(frames)
        self._done = len(self._curve)

    def move(self, gain: float) -> None:
        """Go there, from wherever it is."""
        if gain != self._to:
            self._from, self._to = self._now(), gain
            self._done = 0

    def jump(self, gain: float) -> None:
        """Be there now."""
        self._from = self._to = gain
        self._done = len(self._curve)

    def take(self, frames: int) -> float | Float32:
        """The gain of the next frames: one while it stands still, else float32 of shape (frames, 1)."""
        ahead = self._curve[self._done : self._done + frames]
        if not len(ahead):
            return self._to
        gains = np.full((frames, 1), self._to, np.float32)
        gains[: len(ahead), 0] = self._from + (self._to - self._from) * ahead
        self._done += len(ahead)
        return gains

    def _now(self) -> float:
        """The gain of the last frame."""
        if self._done == len(self._curve):
            return self._to
        done = float(self._curve[self._done - 1]) if self._done else 0.0
        return self._from + (self._to - self._from) * done


@lru_cache(maxsize=8)
def _half_cosine(frames: int) -> Float32:
    """From above 0 to 1. A table, because a cosine may differ in its last bit with the length of the array."""
    curve: Float32 = ((1 - np.cos(np.pi * np.arange(1, frames + 1) / frames)) / 2).astype(np.float32)
    curve.flags.writeable = False
    return curve
