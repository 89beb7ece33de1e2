"""When a card captured or played its samples, from readings of a busy program."""

from __future__ import annotations

from collections import deque

import numpy as np

# A reading is late by as much as the program was held up, never early: of each second the least late one counts.
_PIECE_S = 1.0
# A line through less than this says nothing about a difference of some millionths.
_SHORTEST_S = 8.0
# Crystals differ by less; what differs more is not a card's clock.
_GREATEST_PPM = 1_000.0


class ClockFit:
    """A line through readings (sample, time): where the counter of a card stands at a time, and how fast it runs.

    The slope is the median of the slopes between the seconds of the last `span_s` (H. Theil, P. K. Sen), so that a
    second without a good reading does not tilt it.

    Args:
        rate_hz: that the counter is said to run at.
        span_s: what is longer ago is forgotten.
    """

    def __init__(self, rate_hz: int, span_s: float = 30.0) -> None:
        self._rate_hz = rate_hz
        self._best: deque[list[float]] = deque(maxlen=round(span_s / _PIECE_S))
        self._piece = -1
        self._line: tuple[float, float] | None = None
        self.ppm = 0.0
        """By how many millionths of its rate the counter is slow; 0 until it is known."""

    def add(self, sample: float, time_s: float) -> None:
        """Sample number `sample` was captured, or played, at this time or a little before it."""
        nominal_s = sample / self._rate_hz
        late_s = time_s - nominal_s
        if (piece := int(time_s / _PIECE_S)) != self._piece:
            self._fit()
            self._piece = piece
            self._best.append([nominal_s, late_s])
        elif late_s < self._best[-1][1]:
            self._best[-1] = [nominal_s, late_s]
        else:
            return
        self._line = None

    def restart(self) -> None:
        """The counter jumped. The speed of the clock is remembered."""
        self._best.clear()
        self._piece, self._line = -1, None

    @property
    def known(self) -> bool:
        """There is a reading since the last restart."""
        return bool(self._best)

    def time_of(self, sample: float) -> float:
        """When this sample was, or will be, captured or played; `known` must be true."""
        offset_s, slope = self._offset_and_slope()
        return offset_s + sample / self._rate_hz * slope

    def sample_at(self, time_s: float) -> float:
        """The sample of this time; `known` must be true."""
        offset_s, slope = self._offset_and_slope()
        return (time_s - offset_s) / slope * self._rate_hz

    def _offset_and_slope(self) -> tuple[float, float]:
        if self._line is None:
            points = np.array(self._best)
            offset_s = float(np.median(points[:, 1] - points[:, 0] * self.ppm / 1e6))
            self._line = offset_s, 1 + self.ppm / 1e6
        return self._line

    def _fit(self) -> None:
        """Learn the speed, once a second."""
        if not self._best or self._best[-1][0] - self._best[0][0] < _SHORTEST_S:
            return
        points = np.array(self._best)
        first, second = np.triu_indices(len(points), k=len(points) // 3)
        apart = points[second] - points[first]
        # A counter that stood still tells nothing of its speed.
        apart = apart[apart[:, 0] > 0]
        if not len(apart):
            return
        ppm = float(np.median(apart[:, 1] / apart[:, 0])) * 1e6
        self.ppm = ppm if abs(ppm) <= _GREATEST_PPM else 0.0
