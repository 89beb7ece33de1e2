"""Several sounds into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satellite.core.audio import Int16


def gain_of(percent: int) -> float:
    """The factor of a volume: its square, so that half of the scale sounds about half as loud (-12 dB)."""
    return (percent / 100) ** 2


class Mixer:
    """Adds sounds of the same rate and channel count and applies the master volume; sums saturate.

    A single sound at 100 % comes out sample by sample as it went in. A change of volume while something sounds is
    spread over one block, so that it does not click.

    Args:
        channels: of every block.
        percent: the volume at first.
    """

    def __init__(self, channels: int, percent: int = 100) -> None:
        self._channels = channels
        self._gain = gain_of(percent)
        self._sounded = False

    def mix(self, blocks: Sequence[Int16], frames: int, percent: int) -> Int16:
        """The sum, int16 of shape (frames, channels).

        Args:
            blocks: int16 of shape (n, channels), n <= frames; the rest of a shorter one is silence.
            percent: the volume to reach by the end of this block.
        """
        gain = gain_of(percent)
        before = self._gain if self._sounded else gain
        self._gain, self._sounded = gain, len(blocks) > 0
        is_exact = before == self._gain == 1.0
        if is_exact and len(blocks) == 1 and len(blocks[0]) == frames:
            return blocks[0]
        total = np.zeros((frames, self._channels), np.int32)
        for block in blocks:
            total[: len(block)] += block
        if is_exact:
            return _saturated(total)
        gains = np.linspace(before, self._gain, frames, dtype=np.float32)[:, None]
        return _saturated(np.rint(total * gains).astype(np.int32))


def _saturated(total: np.ndarray[tuple[int, int], np.dtype[np.int32]]) -> Int16:
    mixed: Int16 = np.clip(total, -32768, 32767).astype(np.int16)
    return mixed
