"""What the channels of a recording are like, each by itself and each against the others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.core.audio import SILENCE_DBFS, Int16
from satellite.dsp.level import FULL_SCALE

# Products of int16 add up exactly in float64 within a piece of this many frames, on any machine.
_PIECE_FRAMES = 1 << 20
_HIGHEST, _LOWEST = 32767, -32768


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One channel of a recording.

    Attributes:
        level_dbfs: root mean square around the mean.
        peak_dbfs: largest magnitude, the mean included.
        dc_percent: the mean, in percent of full scale, signed.
        clipped: samples at either end of the scale.
        clipped_percent: their share.
        constant: every sample is the same.
    """

    level_dbfs: float
    peak_dbfs: float
    dc_percent: float
    clipped: int
    clipped_percent: float
    constant: bool


class Channels:
    """Adds up frames in integers: the same result, to the bit, for any cutting.

    Args:
        count: of channels.
    """

    def __init__(self, count: int) -> None:
        self._frames = 0
        self._sums = np.zeros(count, np.int64)
        self._products = np.zeros((count, count), np.int64)
        self._lowest = np.full(count, _HIGHEST, np.int64)
        self._highest = np.full(count, _LOWEST, np.int64)
        self._clipped = np.zeros(count, np.int64)

    def feed(self, frames: Int16) -> None:
        """Take int16 frames, shape (n, channels)."""
        for begin in range(0, len(frames), _PIECE_FRAMES):
            piece = frames[begin : begin + _PIECE_FRAMES]
            wide = piece.astype(np.float64)
            self._frames += len(piece)
            self._sums += piece.sum(axis=0, dtype=np.int64)
            self._products += (wide.T @ wide).astype(np.int64)
            self._lowest = np.minimum(self._lowest, piece.min(axis=0))
            self._highest = np.maximum(self._highest, piece.max(axis=0))
            self._clipped += ((piece == _HIGHEST) | (piece == _LOWEST)).sum(axis=0)

    def figures(self) -> tuple[ChannelFigures, ...]:
        """Of each channel so far; empty before the first frame."""
        return tuple(self._one(channel) for channel in range(len(self._sums))) if self._frames else ()

    def correlation(self, one: int, other: int) -> float:
        """How alike two channels are, their means apart: 1 alike, -1 inverse, 0 strangers or one of them constant."""
        power = self._covariance(one, one) * self._covariance(other, other)
        return self._covariance(one, other) / math.sqrt(power) if power > 0 else 0.0

    def matrix(self) -> npt.NDArray[np.float64]:
        """All correlations, shape (channels, channels)."""
        count = range(len(self._sums))
        return np.array([[self.correlation(one, other) for other in count] for one in count])

    def _one(self, channel: int) -> ChannelFigures:
        highest, lowest = int(self._highest[channel]), int(self._lowest[channel])
        clipped = int(self._clipped[channel])
        return ChannelFigures(
            level_dbfs=dbfs(math.sqrt(max(0.0, self._covariance(channel, channel))) / FULL_SCALE),
            peak_dbfs=dbfs(max(abs(highest), abs(lowest)) / FULL_SCALE),
            dc_percent=100 * int(self._sums[channel]) / self._frames / FULL_SCALE,
            clipped=clipped,
            clipped_percent=100 * clipped / self._frames,
            constant=highest == lowest,
        )

    def _covariance(self, one: int, other: int) -> float:
        # In whole numbers, because the difference of two large ones is wanted.
        product = int(self._products[one, other]) * self._frames
        return (product - int(self._sums[one]) * int(self._sums[other])) / self._frames**2


def dbfs(magnitude: float) -> float:
    """A magnitude, 1 at full scale, in dB; SILENCE_DBFS for 0."""
    return max(SILENCE_DBFS, 20 * math.log10(magnitude)) if magnitude > 0 else SILENCE_DBFS
