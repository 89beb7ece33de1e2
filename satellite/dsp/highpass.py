"""Removal of what is too low to be speech: a constant offset, rumble, hum."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from satellite.core.audio import Int16

Float64: TypeAlias = npt.NDArray[np.float64]

# So many samples are computed in one go; what the filter remembers is carried from one such block to the next.
_BLOCK = 128


class HighPass:
    """A Butterworth high-pass of second order: -3 dB at `cutoff_hz`, 12 dB less for each octave below.

    The usual recursion would be a loop over samples. Here each block is two matrix products: the answer to the block
    itself, and the answer to the two numbers that the filter remembers. It begins as if the first sample had always
    been there, so that an offset makes no thump.

    Args:
        rate_hz: of the sound; more than twice the cutoff.
        channels: of the arrays given.
    """

    def __init__(self, cutoff_hz: float, rate_hz: int, channels: int = 1) -> None:
        turn = 2 * math.pi * cutoff_hz / rate_hz
        width = math.sin(turn) / math.sqrt(2)
        b0 = (1 + math.cos(turn)) / 2 / (1 + width)
        a1, a2 = -2 * math.cos(turn) / (1 + width), (1 - width) / (1 + width)
        self._steady = np.array([-b0, b0])
        step = np.array([[-a1, 1.0], [-a2, 0.0]])
        entry = np.array([-2 * b0 - a1 * b0, b0 - a2 * b0])
        self._powers = [np.linalg.matrix_power(step, count) for count in range(_BLOCK + 1)]
        echo = [b0, *(float((power @ entry)[0]) for power in self._powers[: _BLOCK - 1])]
        self._own = np.array([[echo[i - j] if i >= j else 0.0 for j in range(_BLOCK)] for i in range(_BLOCK)])
        self._from_memory = np.array([power[0] for power in self._powers[:_BLOCK]])
        self._to_memory = np.stack([power @ entry for power in reversed(self._powers[:_BLOCK])], axis=1)
        self._memory: Float64 | None = None
        self._channels = channels

    def process(self, frames: Int16) -> Int16:
        """The same number of frames, int16 of shape (n, channels), rounded, clipped."""
        if not len(frames):
            return frames
        sound = frames.T.astype(np.float64)
        if self._memory is None:
            self._memory = np.outer(sound[:, 0], self._steady)
        blocks = [self._block(sound[:, at : at + _BLOCK], self._memory) for at in range(0, len(frames), _BLOCK)]
        passed: Int16 = np.clip(np.rint(np.concatenate(blocks, axis=1)), -32768, 32767).astype(np.int16).T
        return passed

    def reset(self) -> None:
        """A new stream begins."""
        self._memory = None

    def _block(self, sound: Float64, memory: Float64) -> Float64:
        size = sound.shape[1]
        passed: Float64 = sound @ self._own[:size, :size].T + memory @ self._from_memory[:size].T
        memory[:] = memory @ self._powers[size].T + sound @ self._to_memory[:, _BLOCK - size :].T
        return passed
