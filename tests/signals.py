"""Made sounds for tests: int16 at 16 kHz, shape (n,)."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import RATE_HZ, Int16


def silence(seconds: float) -> Int16:
    """Digital silence."""
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def tone(hz: float, seconds: float, dbfs: float = -20.0, rate_hz: int = RATE_HZ) -> Int16:
    """A sine with this RMS level; at -3 dBFS it reaches full scale."""
    turn = 2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz
    return _int16(np.sqrt(2) * _scale(dbfs) * np.sin(turn))


def noise(seconds: float, dbfs: float = -60.0, seed: int = 0) -> Int16:
    """White noise with this RMS level, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return _int16(_scale(dbfs) * rng.standard_normal(round(seconds * RATE_HZ)))


def clipped(samples: Int16, db: float = 20.0) -> Int16:
    """So loud that it is cut off at full scale."""
    return _int16(samples * 10 ** (db / 20))


def with_dc(samples: Int16, offset: int = 1_000) -> Int16:
    """On top of a constant."""
    return _int16(samples.astype(np.float64) + offset)


def _scale(dbfs: float) -> float:
    return float(32768 * 10 ** (dbfs / 20))


def _int16(samples: np.ndarray) -> Int16:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
