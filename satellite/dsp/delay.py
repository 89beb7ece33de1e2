"""How much later a sound is heard than it was played."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from satellite.core.audio import RATE_HZ, Int16

# Where loudspeakers and voices have something to say.
_LOW_HZ, _HIGH_HZ = 200.0, 7_000.0


class Delay(NamedTuple):
    """`samples`: of both sounds. `clear`: how far the peak stands above the rest, as a ratio; by chance below 6."""

    samples: int
    clear: float


def find_delay(near: Int16, far: Int16, earliest: int, latest: int, rate_hz: int = RATE_HZ) -> Delay:
    """The delay at which `far` is found in `near`, both of shape (n,), from `earliest` (may be negative) to `latest`.

    The generalised cross-correlation with phase transform (C. H. Knapp, G. C. Carter, 1976): every frequency counts
    alike, so that a room and a voice leave one narrow peak.
    """
    size = 1 << (len(near) + max(latest, -earliest)).bit_length()
    cross = np.fft.rfft(near.astype(np.float32), size) * np.conj(np.fft.rfft(far.astype(np.float32), size))
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    cross[(hz < _LOW_HZ) | (hz > _HIGH_HZ)] = 0
    sizes = np.abs(cross)
    correlation = np.fft.irfft(cross / np.maximum(sizes, 1e-9 * sizes.max() + 1e-30), size)
    within = np.abs(correlation[np.arange(earliest, latest + 1) % size])
    at = int(within.argmax())
    usual = float(np.sqrt(np.mean(within**2)))
    return Delay(at + earliest, float(within[at]) / usual if usual else 0.0)
