"""How cards, files and peers write a sample, and how each becomes 16 bit."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from satellite.core.audio import Int16


class Encoding(StrEnum):
    """A sample's layout, by ALSA's name for it. S24 is three bytes in four; S24_PACKED is three bytes."""

    U8 = "U8"
    S8 = "S8"
    S16 = "S16_LE"
    S24 = "S24_LE"
    S24_PACKED = "S24_3LE"
    S32 = "S32_LE"
    FLOAT = "FLOAT_LE"

    @property
    def width_bytes(self) -> int:
        """Bytes of one sample."""
        return _WIDTHS[self]


_WIDTHS = {
    Encoding.U8: 1,
    Encoding.S8: 1,
    Encoding.S16: 2,
    Encoding.S24: 4,
    Encoding.S24_PACKED: 3,
    Encoding.S32: 4,
    Encoding.FLOAT: 4,
}
# What AudioFormat.width_bytes means.
BY_WIDTH = {1: Encoding.S8, 2: Encoding.S16, 3: Encoding.S24_PACKED, 4: Encoding.S32}


def decode(pcm: bytes, encoding: Encoding) -> Int16:
    """Sample bytes as int16, shape (n,): wider samples are rounded, narrower ones shifted up, NaN is silence.

    Args:
        pcm: whole samples.
    """
    match encoding:
        case Encoding.S16:
            return np.frombuffer(pcm, "<i2")
        case Encoding.U8:
            return (np.frombuffer(pcm, np.uint8).astype(np.int16) - 128) << 8
        case Encoding.S8:
            return np.frombuffer(pcm, np.int8).astype(np.int16) << 8
        case Encoding.S32:
            return _rounded(np.frombuffer(pcm, "<i4"))
        case Encoding.S24:
            return _rounded(np.frombuffer(pcm, "<i4") << 8)
        case Encoding.S24_PACKED:
            return _rounded(_widened(pcm))
        case Encoding.FLOAT:
            # What is no number is silence: full scale in its place would hurt.
            numbers = np.nan_to_num(np.frombuffer(pcm, "<f4"), nan=0.0, posinf=0.0, neginf=0.0)
            levels = np.clip(numbers, -1.0, 1.0)
            clipped: Int16 = np.clip(np.rint(levels * np.float32(32768.0)), -32768, 32767).astype(np.int16)
            return clipped


def encode(samples: Int16, encoding: Encoding) -> bytes:
    """The reverse of `decode`; the 8-bit encodings lose the lower half."""
    match encoding:
        case Encoding.S16:
            return samples.astype("<i2", copy=False).tobytes()
        case Encoding.S32:
            return (samples.astype("<i4") << 16).tobytes()
        case Encoding.S24:
            return (samples.astype("<i4") << 8).tobytes()
        case Encoding.S24_PACKED:
            wide = (samples.astype("<i4") << 8).reshape(-1, 1)
            return wide.view(np.uint8)[:, :3].tobytes()
        case Encoding.FLOAT:
            return (samples.astype("<f4") / np.float32(32768.0)).tobytes()
        case Encoding.U8:
            return ((samples >> 8) + 128).astype(np.uint8).tobytes()
        case Encoding.S8:
            return (samples >> 8).astype(np.int8).tobytes()


def _widened(pcm: bytes) -> npt.NDArray[np.int32]:
    wide = np.zeros((len(pcm) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0]


def _rounded(wide: npt.NDArray[np.int32]) -> Int16:
    # The top half step would wrap round to the most negative sample.
    return ((np.minimum(wide, 0x7FFF_7FFF) + 0x8000) >> 16).astype(np.int16)
