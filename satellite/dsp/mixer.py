"""Several sounds into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from satellite.core.audio import Float32, Int16
from satellite.dsp.fader import Fader

# How long a change of volume takes: soon enough for who begins to speak, too slow to be heard as a jump.
FADE_S = 0.1


def gain_of(percent: int) -> float:
    """The factor of a volume: its square, so that half of the scale sounds about half as loud (-12 dB)."""
    return (percent / 100) ** 2


class Mixer:
    """Adds sounds of the same rate and channel count and applies the master volume; sums saturate.

    A single sound at full volume comes out sample by sample as it went in. A change of volume while something sounds
    is spread over FADE_S; in silence it is in force at once. The cuts between the blocks cannot be heard.

    Args:
        channels: of every block.
        rate_hz: of every block.
        percent: the volume at first.
    """

    def __init__(self, channels: int, rate_hz: int, percent: int = 100) -> None:
        self._channels = channels
        self._fade_frames = round(FADE_S * rate_hz)
        self._master = self.fader(gain_of(percent))
        self._sounded = False

    def fader(self, gain: float) -> Fader:
        """One for a sound of its own."""
        return Fader(gain, self._fade_frames)

    def mix(self, sounds: Sequence[tuple[Int16, Fader]], frames: int, percent: int) -> Int16:
        """The sum, int16 of shape (frames, channels).

        Args:
            sounds: each an int16 block of shape (n, channels), n <= frames, the rest of a shorter one being silence;
                and its own gain.
            percent: the volume to go to.
        """
        change = self._master.move if self._sounded else self._master.jump
        change(gain_of(percent))
        self._sounded = any(len(block) == frames for block, _ in sounds)
        gains = [fader.take(frames) for _, fader in sounds]
        master = self._master.take(frames)
        if len(sounds) == 1 and _is_full(master) and _is_full(gains[0]) and self._sounded:
            return sounds[0][0]
        total = np.zeros((frames, self._channels), np.float32)
        for (block, _), gain in zip(sounds, gains, strict=True):
            total[: len(block)] += block.astype(np.float32) * (gain[: len(block)] if _moves(gain) else gain)
        mixed: Int16 = np.clip(np.rint(total * master), -32768, 32767).astype(np.int16)
        return mixed


def _moves(gain: float | Float32) -> TypeGuard[Float32]:
    return isinstance(gain, np.ndarray)


def _is_full(gain: float | Float32) -> bool:
    return not _moves(gain) and gain == 1.0
