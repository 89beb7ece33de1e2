"""Rate conversion of a stream."""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import soxr

from satellite.core.audio import Float32, Int16

Samples = TypeVar("Samples", Int16, Float32)


class Resampler:
    """Converts a stream's rate; equal rates pass through untouched.

    The same sound gives the same samples, bit by bit, however it is cut: the filter runs in float32, and int16 is
    rounded here (soxr's own int16 path depends on the cutting by 2 LSB). The sound is not shifted: output sample k
    belongs to the time k / to_hz. But soxr holds sound back and gives it in bursts: 5 to 42 ms of it between 16, 22.05,
    44.1 and 48 kHz, up to 116 ms from 8 kHz. `flush` gives the rest; the length is then n * to_hz / from_hz, give or
    take one sample.

    Args:
        channels: 1 for arrays of shape (n,), more for (n, channels).
        prompt: give the first samples early, after 3 to 24 ms of sound; what comes behind them is held back as ever.
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1, *, prompt: bool = False) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, channels, "float32", "HQ")
        self._nothing = np.zeros(0 if channels == 1 else (0, channels), np.float32)
        self._dtype: np.dtype[Any] = np.dtype(np.int16)
        lead = _lead(from_hz, to_hz) if prompt and self._stream else 0
        self._lead = np.zeros((lead, *self._nothing.shape[1:]), np.float32)
        self._lead_out = lead * to_hz // from_hz
        self._begin()

    def process(self, samples: Samples) -> Samples:
        """What can be given out now, in the type that came in; often nothing, then a burst."""
        if self._stream is None:
            return samples
        self._dtype = samples.dtype
        converted: Samples = self._typed(self._behind_lead(self._stream.resample_chunk(samples.astype(np.float32))))
        return converted

    def flush(self) -> npt.NDArray[Any]:
        """The rest of the stream, in the type of what came in last; afterwards a new stream begins."""
        if self._stream is None:
            return self._nothing.astype(self._dtype)
        rest: npt.NDArray[Any] = self._typed(self._behind_lead(self._stream.resample_chunk(self._nothing, last=True)))
        self._stream.clear()
        self._begin()
        return rest

    def _begin(self) -> None:
        self._drop = self._lead_out
        if self._stream and len(self._lead):
            self._stream.resample_chunk(self._lead)

    def _behind_lead(self, converted: Any) -> Any:
        dropped = min(self._drop, len(converted))
        self._drop -= dropped
        return converted[dropped:]

    def _typed(self, converted: Any) -> Any:
        if self._dtype == np.int16:
            return np.clip(np.rint(converted), -32768, 32767).astype(np.int16)
        return converted


@lru_cache(maxsize=64)
def _lead(from_hz: int, to_hz: int) -> int:
    """How many samples of silence before the sound nearly fill soxr's first block, and are whole samples behind it too.

    What comes then fills it at once; only the filter's own delay remains.
    """
    common = gcd(from_hz, to_hz)
    step = from_hz // common
    stream = soxr.ResampleStream(from_hz, to_hz, 1, "float32", "HQ")
    silence = np.zeros(step, np.float32)
    while not (block := len(stream.resample_chunk(silence))):
        pass
    return (block - 1) // (to_hz // common) * step
