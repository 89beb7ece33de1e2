"""How much a sound is like noise."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Int16


def spectral_flatness(samples: Int16) -> float:
    """Geometric mean of the magnitudes in the spectrum, as a part of their mean; 0 for silence.

    White noise has 0.84, pink noise 0.67, speech less than 0.6, a tone nearly 0 (in 512 samples).

    Args:
        samples: int16, shape (n,).
    """
    magnitudes = np.abs(np.fft.rfft(samples.astype(np.float32)))
    mean = float(magnitudes.mean())
    if mean <= 0:
        return 0.0
    # What is 120 dB weaker than the mean counts as that, so that one empty frequency does not decide.
    return float(np.exp(np.log(np.maximum(magnitudes, 1e-6 * mean)).mean())) / mean
