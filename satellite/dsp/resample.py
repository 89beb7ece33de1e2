"""Rate conversion of a stream."""

from __future__ import annotations

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
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, channels, "float32", "HQ")
        self._nothing = np.zeros(0 if channels == 1 else (0, channels), np.float32)
        self._dtype: np.dtype[Any] = np.dtype(np.int16)

    def process(self, samples: Samples) -> Samples:
        """What can be given out now, in the type that came in; often nothing, then a burst."""
        if self._stream is None:
            return samples
        self._dtype = samples.dtype
        converted: Samples = self._typed(self._stream.resample_chunk(samples.astype(np.float32)))
        return converted

    def flush(self) -> npt.NDArray[Any]:
        """The rest of the stream, in the type of what came in last; afterwards a new stream begins."""
        if self._stream is None:
            return self._nothing.astype(self._dtype)
        rest: npt.NDArray[Any] = self._typed(self._stream.resample_chunk(self._nothing, last=True))
        self._stream.clear()
        return rest

    def _typed(self, converted: Any) -> Any:
        if self._dtype == np.int16:
            return np.clip(np.rint(converted), -32768, 32767).astype(np.int16)
        return converted
