"""Which frequencies sound is made of, and whether mains hum is among them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from satellite.core.audio import RATE_HZ, SILENCE_DBFS, Float32, Int16
from satellite.dsp.level import FULL_SCALE

# 0.5 s: 50 and 60 Hz and their harmonics stand clear of one another.
HUM_WINDOW = 8192
_HARMONICS = 8
# Of a line: its own width behind a Hann window and some drift of the mains; and what lies beside it.
_LINE_HZ, _BESIDE_HZ = 5.0, 20.0
# A line is one when it has four times the power of what is beside it (6 dB).
_STANDS_OUT = 4.0


class PowerSpectra:
    """Power spectra of a stream: Hann windows, the same rows for any cutting.

    The bins of a row add up to the mean square of its window, 1 at full scale (a full-scale sine has 0.5).

    Args:
        window: samples of one row; a power of two.
        hop: samples from row to row.
    """

    def __init__(self, window: int, hop: int) -> None:
        self._window = window
        self._hop = hop
        self._shape = np.hanning(window + 1)[:-1].astype(np.float32)
        self._scale = np.float32(2 / (window * float(self._shape @ self._shape) * FULL_SCALE**2))
        self._pending: Int16 = np.zeros(0, np.int16)

    def process(self, samples: Int16) -> Float32:
        """Rows that are complete now, shape (rows, window // 2 + 1), of int16 samples, shape (n,)."""
        pending = np.concatenate((self._pending, samples))
        begins = range(0, len(pending) - self._window + 1, self._hop)
        rows = [self._row(pending[begin : begin + self._window]) for begin in begins]
        self._pending = pending[len(begins) * self._hop :]
        return np.array(rows, np.float32).reshape(-1, self._window // 2 + 1)

    def _row(self, samples: Int16) -> npt.NDArray[np.floating]:
        sound = samples.astype(np.float32)
        spectrum = np.fft.rfft((sound - sound.mean()) * self._shape)
        power: npt.NDArray[np.floating] = (spectrum.real**2 + spectrum.imag**2) * self._scale
        return power


class Hum(NamedTuple):
    """Mains hum. `mains_hz`: 50 or 60. `dbfs`: level of its lines together."""

    mains_hz: int
    dbfs: float


def find_hum(rows: Float32) -> Hum | None:
    """Hum in the quieter parts of a recording, where no voice hides or feigns it.

    Args:
        rows: of PowerSpectra(HUM_WINDOW, any hop) at RATE_HZ.
    """
    if not len(rows):
        return None
    totals = rows.sum(axis=1)
    quiet = rows[totals <= np.quantile(totals, 0.25)].mean(axis=0)
    power, mains_hz = max((_lines(quiet, mains_hz), mains_hz) for mains_hz in (50, 60))
    return Hum(mains_hz, max(SILENCE_DBFS, 10 * math.log10(power))) if power > 0 else None


def _lines(spectrum: npt.NDArray[np.floating], mains_hz: int) -> float:
    """Power of a mains frequency and its harmonics, above what is beside them."""
    hz = np.arange(len(spectrum)) * RATE_HZ / HUM_WINDOW
    found = 0.0
    for line_hz in range(mains_hz, mains_hz * _HARMONICS + 1, mains_hz):
        away_hz = np.abs(hz - line_hz)
        line = spectrum[away_hz <= _LINE_HZ]
        beside = spectrum[(away_hz > _LINE_HZ) & (away_hz <= _BESIDE_HZ)]
        background = float(np.median(beside)) * len(line)
        power = float(line.sum())
        found += power - background if power > _STANDS_OUT * background else 0.0
    return found
