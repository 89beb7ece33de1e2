"""Samples as a person gives and takes them: bytes or arrays, integers or floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.core.audio import Int16, to_float32, to_int16
from satellite.core.errors import SamplesUnfit
from satellite.library.options import Samples, SampleType


def given(frames: Int16, dtype: SampleType, as_ndarray: bool) -> Samples:
    """Frames, int16 of shape (n, channels), as a person asked for them."""
    samples: npt.NDArray[Any] = frames if dtype == "int16" else to_float32(frames)
    if not as_ndarray:
        return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()
    return (samples[:, 0] if samples.shape[1] == 1 else samples).copy()


def taken(samples: Samples, dtype: SampleType, channels: int) -> bytes:
    """What a person gave, as 16-bit PCM; what is no number, or infinite, is silence.

    Raises:
        SamplesUnfit: it has another type or shape.
    """
    if isinstance(samples, np.ndarray):
        return _narrowed(_fitting(samples, dtype, channels))
    if not isinstance(samples, bytes | bytearray | memoryview):
        raise SamplesUnfit(f"bytes or an array are wanted, not {type(samples).__name__}")
    data = bytes(samples)
    kind = np.dtype(dtype).newbyteorder("<")
    if len(data) % (kind.itemsize * channels):
        raise SamplesUnfit(f"{len(data)} bytes are no whole frames of {channels} channel(s) of {dtype}")
    return _narrowed(np.frombuffer(data, kind))


def _fitting(array: npt.NDArray[Any], dtype: SampleType, channels: int) -> npt.NDArray[Any]:
    if array.dtype != dtype:
        raise SamplesUnfit(f"the array holds {array.dtype}, and {dtype} is wanted")
    if array.shape[1:] != (channels,) and not (array.ndim == 1 and channels == 1):
        raise SamplesUnfit(f"the array has shape {array.shape}, and (frames, {channels}) is wanted")
    return array


def _narrowed(samples: npt.NDArray[Any]) -> bytes:
    if samples.dtype.kind == "f":
        samples = to_int16(np.where(np.isfinite(samples), samples, np.float32(0)))
    return samples.astype("<i2", copy=False).tobytes()
