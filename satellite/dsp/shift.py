"""Reading a sound at a place, and at a speed, that are no whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from satellite.core.audio import RATE_HZ, Float32, Int16

# Clocks that agree so well are taken for one.
NEGLIGIBLE_PPM = 5.0
# Nearer than this to its place nothing is moved; farther off than that it jumps; in between it goes there slowly.
_NEAR_S, _FAR_S = 0.0005, 0.01
_SLOW_PPM = 40.0
_HALF = 16


class Shifter:
    """Reads a sound at a place that follows another clock.

    Args:
        read: gives `count` int16 samples from number `begin` on.
        rate_hz: of the sound.
    """

    def __init__(self, read: Callable[[int, int], Int16], rate_hz: int = RATE_HZ) -> None:
        self._read = read
        self._near, self._far = _NEAR_S * rate_hz, _FAR_S * rate_hz
        self._at, self._step = 0.0, 1.0
        self._lost = True

    def forget(self) -> None:
        """The next aim is obeyed at once."""
        self._lost = True

    def aim(self, at: float, ppm: float, *, anew: bool) -> None:
        """Where the next block should begin.

        Args:
            ppm: by how much faster than the reader's the sound's clock is, in millionths.
            anew: nothing was read just before.
        """
        if anew or self._lost or abs(at - self._at) > self._far:
            self._at, self._lost = float(round(at)), False
        off = at - self._at
        slew_ppm = float(np.sign(off)) * _SLOW_PPM if abs(off) > self._near else 0.0
        self._step = 1 + ((ppm if abs(ppm) > NEGLIGIBLE_PPM else 0.0) + slew_ppm) / 1e6

    def take(self, count: int) -> Int16:
        """The next samples of the reader's clock, shape (count,); `aim` comes first."""
        begin, self._at = self._at, self._at + count * self._step
        first = int(np.floor(begin))
        if self._step == 1 and begin == first:
            return self._read(first, count)
        sound = self._read(first - _HALF, count + 2 * _HALF + 1).astype(np.float32)
        # Two fixed fractions, and from one over to the other: within a block the place moves by some hundredths.
        fade = np.arange(count, dtype=np.float32) / count
        early, late = _delayed(sound, begin - first, count), _delayed(sound, self._at - first - count, count)
        shifted: Int16 = np.clip(np.rint(early + fade * (late - early)), -32768, 32767).astype(np.int16)
        return shifted


def _delayed(sound: Float32, fraction: float, count: int) -> Float32:
    """Samples at _HALF + k + fraction, by a windowed sinc."""
    away = np.arange(1 - _HALF, _HALF + 1) - fraction
    taps = np.sinc(away) * np.cos(np.pi * away / (2 * _HALF + 2)) ** 2
    taps /= taps.sum()
    shifted: Float32 = np.correlate(sound[1 : count + 2 * _HALF], taps.astype(np.float32), "valid")
    return shifted
