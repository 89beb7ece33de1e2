"""Streams through the decoder, and what it leaves behind."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from satellite.codec.stream import AudioStreamDecoder
from satellite.core.audio import Int16

DEADLINE_S = 30


def pushed(decoder: AudioStreamDecoder, data: bytes, sizes: list[int] | None = None) -> AudioStreamDecoder:
    done = 0
    for size in sizes or []:
        decoder.push(data[done : done + size])
        done += size
    decoder.push(data[done:])
    decoder.end_input()
    return decoder


def decoded(
    data: bytes,
    sizes: list[int] | None = None,
    rate_hz: int | None = None,
    channels: int | None = None,
    label: str | None = None,
) -> Int16:
    """All that comes out, shape (n, channels)."""
    with AudioStreamDecoder(sample_rate=rate_hz, num_channels=channels, format=label) as decoder:
        frames = list(pushed(decoder, data, sizes))
    return np.concatenate([frame.samples.reshape(frame.samples_per_channel, -1) for frame in frames])


def decoder_threads() -> int:
    return sum(thread.name == "AudioDecoder" for thread in threading.enumerate())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
