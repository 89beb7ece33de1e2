"""The real rate of a sound card, by the clock of the machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Shorter, and one period more or less is a fault of per cents.
SHORTEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Rate:
    """`hz`: as measured. `seconds`: over how long."""

    hz: float
    seconds: float


class RateMeter:
    """Counts frames against time.

    Only moments at which the device had nothing more to give are used: then all that it has made is known, up to a
    period, however late the program was. Lost sound begins a new stretch; the longest stretch counts.
    """

    def __init__(self) -> None:
        self._stretch: list[tuple[float, int]] = []
        self._best: list[tuple[float, int]] = []

    def drained(self, now_s: float, frames: int) -> None:
        """By this time, on any clock that only goes forward, so many frames had come, and no more were there."""
        if not self._stretch or frames > self._stretch[-1][1]:
            self._stretch.append((now_s, frames))

    def lost(self) -> None:
        """Sound is missing here."""
        if _length_s(self._stretch) > _length_s(self._best):
            self._best = self._stretch
        self._stretch = []

    def rate(self) -> Rate | None:
        """What was measured; None when it was too short."""
        points = max(self._best, self._stretch, key=_length_s)
        length_s = _length_s(points)
        if length_s < SHORTEST_S:
            return None
        times = np.array([time for time, _ in points]) - points[0][0]
        frames = np.array([count for _, count in points], np.float64)
        times -= times.mean()
        return Rate(float(times @ (frames - frames.mean()) / (times @ times)), length_s)


def _length_s(points: list[tuple[float, int]]) -> float:
    return points[-1][0] - points[0][0] if len(points) > 2 else 0.0
