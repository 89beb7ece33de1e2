"""Formats, frames, and the two ways a sample is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

RATE_HZ = 16_000
# 16 ms: the greatest common divisor of Silero's 512 and openWakeWord's 1,280 samples.
FRAME_SAMPLES = 256
SILENCE_DBFS = -100.0


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How PCM bytes are laid out: signed little-endian integers, channels interleaved."""

    rate_hz: int
    channels: int
    width_bytes: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.width_bytes

    @property
    def second_bytes(self) -> int:
        """Bytes of one second."""
        return self.rate_hz * self.frame_bytes

    def __str__(self) -> str:
        sound = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.rate_hz} Hz {sound} {self.width_bytes * 8} bit"


WIRE_FORMAT = AudioFormat(RATE_HZ, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A stretch of captured sound.

    Attributes:
        samples: int16, shape (n,), mono at RATE_HZ.
        start: index of the first sample, counted since capture began.
    """

    samples: Int16
    start: int

    @property
    def end(self) -> int:
        """Index one past the last sample."""
        return self.start + len(self.samples)


def to_float32(samples: Int16) -> Float32:
    """Int16 to float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(32768.0)


def to_int16(samples: npt.NDArray[np.floating[Any]]) -> Int16:
    """Float in [-1, 1] to int16, rounded, clipped."""
    # Half precision has no 32767, and what is far too loud would overflow: clipped first.
    wide = samples.astype(np.promote_types(samples.dtype, np.float32), copy=False)
    scaled: Int16 = np.rint(np.clip(wide, -1.0, 32767 / 32768) * 32768.0).astype(np.int16)
    return scaled


def samples_of(pcm: bytes, channels: int = 1) -> Int16:
    """16-bit PCM bytes as a read-only int16 array: (n,) for one channel, (n, channels) above."""
    flat = np.frombuffer(pcm, dtype="<i2")
    return flat if channels == 1 else flat.reshape(-1, channels)


def seconds(samples: int) -> float:
    """A sample count at RATE_HZ in seconds."""
    return samples / RATE_HZ


def samples_in(milliseconds: float) -> int:
    """How many samples at RATE_HZ a time is, rounded."""
    return round(milliseconds * RATE_HZ / 1000)
