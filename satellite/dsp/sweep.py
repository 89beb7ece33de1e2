"""A swept sine, and what came back of it: delay, frequency response and harmonics of everything in between.

The method is A. Farina's (Simultaneous measurement of impulse response and distortion with a swept-sine technique,
AES 108, 2000): the spectrum of what was heard, divided by that of the sweep, is the impulse response; harmonics appear
as responses of their own ahead of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.core.audio import RATE_HZ, Float32

LOW_HZ = 100.0
HIGH_HZ = 7_000.0
_FADE_S = 0.02
# Of the sweep's strongest frequency: what is weaker was hardly played, and dividing by it makes noise only.
_FLOOR = 1e-4

Response = npt.NDArray[np.float64]


class Sweep:
    """A sine from LOW_HZ to HIGH_HZ whose frequency rises exponentially.

    Args:
        length_s: how long it takes.
    """

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._octave_s = length_s / math.log(HIGH_HZ / LOW_HZ)

    def samples(self, rate_hz: int) -> Float32:
        """Shape (n,), peak 1, faded at both ends."""
        time_s = np.arange(round(self.length_s * rate_hz)) / rate_hz
        phase = 2 * np.pi * LOW_HZ * self._octave_s * (np.exp(time_s / self._octave_s) - 1)
        fade = np.clip(np.minimum(time_s, self.length_s - time_s) / _FADE_S, 0, 1)
        sweep: Float32 = (np.sin(phase) * np.sin(np.pi / 2 * fade) ** 2).astype(np.float32)
        return sweep

    def response(self, heard: Float32) -> Response:
        """The impulse response in a recording of the sweep.

        Args:
            heard: shape (n,) at RATE_HZ.

        Returns:
            Shape (m,) with m > n, at RATE_HZ, limited to the sweep's band. Index i is a delay of i samples between the
            beginning of `heard` and that of the sweep in it; negative delays wrap to the end. 1 is the sweep's own
            amplitude.
        """
        played = self.samples(RATE_HZ)
        size = 1 << (len(heard) + len(played)).bit_length()
        source = np.fft.rfft(played, size)
        power = np.abs(source) ** 2
        transfer = np.fft.rfft(heard, size) * np.conj(source) / (power + _FLOOR * power.max())
        response: Response = np.fft.irfft(transfer * _band(np.fft.rfftfreq(size, 1 / RATE_HZ)), size)
        return response

    def harmonic_lead(self, order: int) -> int:
        """How many samples at RATE_HZ ahead of the response the one of this harmonic lies."""
        return round(self._octave_s * math.log(order) * RATE_HZ)


def _band(hz: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """1 inside the sweep's band, falling to 0 at its ends over a quarter of an octave."""
    width = 2**0.25
    with np.errstate(divide="ignore"):
        inside = np.minimum(np.log(hz / LOW_HZ), np.log(HIGH_HZ / np.maximum(hz, 1e-9))) / math.log(width)
    window: npt.NDArray[np.float64] = np.sin(np.pi / 2 * np.clip(inside, 0, 1)) ** 2
    return window
